"""What a request knows of its token, and the quota's counter: exact, whoever counts at the same time."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.engine import URL

from alx_core.domain.company_settings import EVERY_COMPANY
from alx_core.domain.paging import Position, ReadMode, Session
from alx_core.store.access import calls_on, charge, find_access, find_session, touch_token
from alx_core.store.companies import upsert_company
from alx_core.store.engine import make_engine, transaction
from alx_core.store.sessions import begin_session, note_finished
from alx_core.store.settings import save_settings_of
from alx_core.store.tables import api_tokens
from alx_core.store.tokens import hash_token
from support.builders import NOW
from support.reads import Company, FakeClock, access_of, make_token
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

DAY = "2026-11-24"


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("access")) as made:
        yield made


@pytest.fixture
def company(engine: Engine) -> Company:
    return Company(engine, FakeClock())


def count_in(url: URL, companyid: int, limit: int, calls: int) -> list[int | None]:
    engine = make_engine(url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        counted = [charge(connection, companyid, DAY, limit=limit) for _ in range(calls)]
    engine.dispose()
    return counted


def test_an_unknown_token_has_no_access(engine: Engine) -> None:
    with engine.connect() as connection:
        assert find_access(connection, hash_token("alx_unknown"), 100) is None
        assert find_access(connection, "", 100) is None


def test_a_token_brings_its_company_its_read_and_its_position(engine: Engine, company: Company) -> None:
    token = make_token(engine, company.companyid, allowed_networks="10.", expires_at=NOW + 5)
    session = Session(ReadMode.INCREMENTAL, 7, 5, 3, NOW + 0.25, NOW + 0.5, None, 2, 1, "[[1], []]", "0123abcd")
    with transaction(engine) as connection:
        upsert_company(connection, company.companyid, published_seq=7, suspended=1)
        token_id = access_of(connection, token, 100).token_id
        assert begin_session(connection, token_id, 100, before=None, session=session)
        note_finished(connection, token_id, Position(7, NOW, "[[1], []]"))
        access, other = access_of(connection, token, 100), access_of(connection, token, 99)
        assert find_session(connection, token_id, 100) == session
        assert find_session(connection, token_id, 99) is None
    assert access.session == session
    assert other.session is None
    assert (access.position, access.pending) == (None, Position(7, NOW, "[[1], []]"))
    assert (access.companyid, access.company_exists, access.company_suspended) == (company.companyid, True, True)
    assert (access.allowed_networks, access.expires_at, access.revoked_at) == ("10.", NOW + 5, None)
    assert (access.published_seq, access.settings_version) == (7, 0)
    assert access.cache_id


def test_a_company_that_is_gone_or_was_never_synced_does_not_exist(engine: Engine, company: Company) -> None:
    gone, unknown = make_token(engine, company.companyid), make_token(engine, 2**40)
    nowhere = make_token(engine, None)
    with transaction(engine) as connection:
        upsert_company(connection, company.companyid, is_deleted=1)
        assert [access_of(connection, each, 1).company_exists for each in (gone, unknown, nowhere)] == [False] * 3


def test_companies_of_one_id_in_two_databases_are_told_apart(engine: Engine, company: Company, tmp_path: Path) -> None:
    with migrated_engine("sqlite", tmp_path) as another:
        with transaction(another) as connection:
            upsert_company(connection, company.companyid, shortname="same")
            upsert_company(connection, company.companyid, published_seq=1)
        ours, theirs = make_token(engine, company.companyid), make_token(another, company.companyid)
        with another.connect() as there, engine.connect() as here:
            assert access_of(there, theirs, 1).cache_id != access_of(here, ours, 1).cache_id


def test_what_is_published_and_what_is_set_get_another_name(engine: Engine, company: Company) -> None:
    token = make_token(engine, company.companyid)

    def name() -> str | None:
        with engine.connect() as connection:
            return access_of(connection, token, 1).cache_id

    names = [name()]
    for change in (
        lambda connection: upsert_company(connection, company.companyid, published_seq=1),
        lambda connection: upsert_company(connection, company.companyid, published_seq=1),  # again, after a restore
        lambda connection: save_settings_of(connection, company.companyid, {"rate_limit": "1"}, now=1),
        lambda connection: save_settings_of(connection, EVERY_COMPANY, {"rate_limit": "1"}, now=1),
    ):
        with transaction(engine) as connection:
            change(connection)
        names.append(name())
    assert None not in names
    assert len(set(names)) == 5
    with transaction(engine) as connection:
        upsert_company(connection, company.companyid, row_count=7)
    assert name() == names[-1]


def test_a_use_of_a_token_is_noted(engine: Engine, company: Company) -> None:
    token = make_token(engine, company.companyid)
    with transaction(engine) as connection:
        token_id = access_of(connection, token, 1).token_id
        touch_token(connection, token_id, address="10.0.0.1", now=NOW)
        query = select(api_tokens.c.last_used_at, api_tokens.c.last_address).where(api_tokens.c.id == token_id)
        assert connection.execute(query).one() == (NOW, "10.0.0.1")


def test_the_last_call_of_the_quota_counts_and_the_next_does_not(engine: Engine, company: Company) -> None:
    with transaction(engine) as connection:
        count = partial(charge, connection, company.companyid)
        assert [count(DAY, limit=3) for _ in range(5)] == [1, 2, 3, None, None]
        assert calls_on(connection, DAY)[company.companyid] == 3
        assert count("2026-11-25", limit=3) == 1
        assert count(DAY, limit=4) == 4  # raised in the middle of the day
        assert count(DAY, limit=2) is None
        assert count(DAY, limit=0) == 5
        assert charge(connection, company.companyid + 10**6, DAY, limit=1) == 1


@pytest.mark.parametrize(("limit", "granted"), [(50, 50), (0, 160)])
def test_threads_counting_at_once_grant_exactly_the_quota(
    engine: Engine, company: Company, limit: int, granted: int
) -> None:
    with ThreadPoolExecutor(8) as executor:
        tasks = [executor.submit(count_in, engine.url, company.companyid, limit, 20) for _ in range(8)]
        counted = [each for task in tasks for each in task.result()]
    assert sorted(each for each in counted if each is not None) == list(range(1, granted + 1))


@pytest.mark.slow
def test_processes_counting_at_once_grant_exactly_the_quota(engine: Engine, company: Company) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as executor:
        tasks = [executor.submit(count_in, engine.url, company.companyid, 100, 40) for _ in range(4)]
        counted = [each for task in tasks for each in task.result()]
    assert sorted(each for each in counted if each is not None) == list(range(1, 101))
    assert counted.count(None) == 60
