"""Fixtures of the requests: a company on each kind of database, and the API that it asks."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from support.asked_company import Company
from support.builders import NOW
from support.in_process import InProcess, in_process
from support.reads import COMPANY_IDS, make_token
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine
from support.table import CompanyTable


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("settings")) as made:
        yield made


@pytest.fixture(scope="module")
def api(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(engine, tmp_path_factory.mktemp("api"), timezone="Europe/London") as made:
        yield made


@pytest.fixture
def company(api: InProcess) -> Company:
    table = CompanyTable(api.engine, next(COMPANY_IDS))
    table.fill(12)
    api.clock.now = float(NOW)
    return Company(api, table, make_token(api.engine, table.companyid))
