"""The purge of paged reads: those that can't go on go; what is under way, and where a client stands, stays."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from alx_core.domain.paging import SNAPSHOT_KEPT_S, ReadMode, Session
from alx_core.services import retention
from alx_core.settings import Settings
from alx_core.store.access import find_session
from alx_core.store.engine import transaction
from alx_core.store.sessions import begin_session, note_charge
from support.builders import NOW
from support.reads import Client, Company, FakeClock, Worker, access_of, make_settings, make_token
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine, wait_for_a_lock

LIMIT = 2
OLD = NOW - SNAPSHOT_KEPT_S - 1
SESSION = Session(ReadMode.FULL, 7, 0, 0, OLD, OLD, OLD)


@pytest.fixture(params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path) as made:
        yield made


def purge(engine: Engine, tmp_path: Path, *, now: float = NOW) -> int:
    """Purge in blocks of one; return how many reads went."""
    return retention.purge(engine, Settings(home=tmp_path), now=int(now), chunk=1).sessions


def begin(engine: Engine, session: Session, *, charged_at: float = 0) -> int:
    """Write a read of a new token; return the token's id."""
    token = make_token(engine, None)
    with transaction(engine) as connection:
        token_id = access_of(connection, token, LIMIT).token_id
        assert begin_session(connection, token_id, LIMIT, before=None, session=session)
        note_charge(connection, token_id, LIMIT, at=charged_at)
    return token_id


def test_reads_of_which_nothing_was_noted_for_six_hours_go(engine: Engine, tmp_path: Path) -> None:
    for finished_at in (OLD, None):
        begin(engine, replace(SESSION, finished_at=finished_at), charged_at=OLD)
    kept = [
        begin(engine, replace(SESSION, last_page_at=OLD + 1)),
        begin(engine, replace(SESSION, finished_at=OLD + 1)),
        begin(engine, SESSION, charged_at=OLD + 1),
    ]
    assert purge(engine, tmp_path) == 2
    with engine.connect() as connection:
        assert None not in [find_session(connection, each, LIMIT) for each in kept]


def test_a_client_that_comes_back_after_its_read_was_purged_gets_what_has_changed(
    engine: Engine, tmp_path: Path
) -> None:
    clock = FakeClock()
    company = Company(engine, clock, rows={(userid, 1): "a" for userid in range(1, 6)})
    company.sync()
    client = Client(make_token(engine, company.companyid), LIMIT, make_settings(sync_mode=1))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        worker = Worker(connection, clock)
        assert len(client.read(worker)) == 5
        clock.now += SNAPSHOT_KEPT_S + 60
        assert purge(engine, tmp_path, now=clock.now) == 1
        company.rows[3, 1] = "b"
        company.sync()
        assert client.read(worker) == [(3, 1, "b")]


@pytest.mark.parametrize("engine", KINDS_OF_DATABASE[1:], indirect=True)
def test_a_read_that_begins_while_the_purge_looks_stays(engine: Engine, tmp_path: Path) -> None:
    token_id, fresh = begin(engine, SESSION), replace(SESSION, opened_at=NOW, last_page_at=NOW, finished_at=None)
    with ThreadPoolExecutor(1) as executor:
        with transaction(engine) as connection:
            assert begin_session(connection, token_id, LIMIT, before=SESSION, session=fresh)
            purged = executor.submit(purge, engine, tmp_path)
            wait_for_a_lock(engine.url)
        assert purged.result() == 0
    with engine.connect() as connection:
        assert find_session(connection, token_id, LIMIT) == fresh
