"""Settings as they are stored: what changes moves the version of every company it touches."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from alx_core.domain.company_settings import EVERY_COMPANY
from alx_core.store.companies import list_companies, upsert_company
from alx_core.store.engine import transaction
from alx_core.store.settings import load_settings_of, save_settings_of
from support.builders import NOW
from support.reads import Company, FakeClock, access_of, make_token
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine, wait_for_a_lock


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("settings")) as made:
        yield made


def save(engine: Engine, companyid: int, **values: str | None) -> None:
    with transaction(engine) as connection:
        save_settings_of(connection, companyid, values, now=NOW)


def version(engine: Engine, company: Company) -> int:
    token = make_token(engine, company.companyid)
    with engine.connect() as connection:
        return access_of(connection, token, 1).settings_version


def test_settings_are_kept_changed_and_taken_away_by_company(engine: Engine) -> None:
    first, second = Company(engine, FakeClock()), Company(engine, FakeClock())
    save(engine, first.companyid, rate_limit="1440", course_7="0")
    save(engine, second.companyid, rate_limit="5")
    save(engine, first.companyid, rate_limit="1000", course_7=None, enabled=None)
    with engine.connect() as connection:
        assert load_settings_of(connection, first.companyid) == {"rate_limit": "1000"}
        assert load_settings_of(connection, second.companyid) == {"rate_limit": "5"}
        assert load_settings_of(connection, 10**9) == {}


def test_a_change_moves_the_version_of_those_it_touches(engine: Engine) -> None:
    first, second = Company(engine, FakeClock()), Company(engine, FakeClock())
    before = version(engine, first), version(engine, second)
    save(engine, first.companyid, rate_limit="7")
    assert (version(engine, first), version(engine, second)) == (before[0] + 1, before[1])
    save(engine, EVERY_COMPANY, rate_limit="8")
    assert (version(engine, first), version(engine, second)) == (before[0] + 2, before[1] + 1)
    save(engine, first.companyid, rate_limit=None)
    assert version(engine, first) == before[0] + 3


@pytest.mark.slow
def test_a_change_for_all_companies_and_a_sync_that_writes_several_wait_for_each_other_in_turn(tmp_path: Path) -> None:
    """PostgreSQL would end one of the two if each had a company that the other one wants."""
    with migrated_engine("postgresql", tmp_path) as engine, ThreadPoolExecutor() as executor:
        for companyid in (2, 1):  # in this order they lie in the table
            with transaction(engine) as connection:
                upsert_company(connection, companyid, shortname=f"c{companyid}")
        with transaction(engine) as connection:
            upsert_company(connection, 1, published_seq=7)
            change = executor.submit(save, engine, EVERY_COMPANY, rate_limit="8")
            wait_for_a_lock(engine.url)
            upsert_company(connection, 2, published_seq=7)
        change.result(timeout=30)
        with engine.connect() as connection:
            rows = list_companies(connection)
    assert [(row["published_seq"], row["settings_version"]) for row in rows] == [(7, 1), (7, 1)]
