"""A desk for each kind of reporting database."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from support.desk import Desk
from support.reads import FakeClock, Worker
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("reading")) as made:
        yield made


@pytest.fixture
def desk(engine: Engine) -> Iterator[Desk]:
    clock = FakeClock()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield Desk(engine, Worker(connection, clock), clock)
