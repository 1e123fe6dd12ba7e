"""Sessions and positions: of all who write at once one wins, and a replaced session is left alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from alx_core.domain.paging import IDLE_S, SEVERAL_S, Position, ReadMode, Session
from alx_core.store import sessions
from alx_core.store.access import find_session
from alx_core.store.engine import atomic, transaction
from support.builders import NOW
from support.reads import access_of, make_token
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

LIMIT = 100
SESSION = Session(ReadMode.FULL, 7, 0, 0, NOW, NOW, None, view="[[], []]")


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("sessions")) as made:
        yield made


@pytest.fixture
def token(engine: Engine) -> str:
    return make_token(engine, None)


@pytest.fixture
def token_id(engine: Engine, token: str) -> int:
    with engine.connect() as connection:
        return access_of(connection, token, LIMIT).token_id


def stored(engine: Engine, token_id: int) -> Session:
    with engine.connect() as connection:
        session = find_session(connection, token_id, LIMIT)
    assert session is not None
    return session


def begin(engine: Engine, token_id: int, before: Session | None, session: Session) -> bool:
    with transaction(engine) as connection:
        return sessions.begin_session(connection, token_id, LIMIT, before=before, session=session)


def test_of_all_who_begin_at_once_one_begins(engine: Engine, token_id: int) -> None:
    news = [replace(SESSION, snapshot_seq=seq) for seq in range(8)]
    with ThreadPoolExecutor(8) as executor:
        assert sum(executor.map(lambda new: begin(engine, token_id, None, new), news)) == 1
    first = stored(engine, token_id)
    with ThreadPoolExecutor(8) as executor:
        news = [replace(SESSION, snapshot_seq=seq) for seq in range(10, 18)]
        assert sum(executor.map(lambda new: begin(engine, token_id, first, new), news)) == 1
    assert stored(engine, token_id).snapshot_seq >= 10


@pytest.mark.parametrize(
    "change",
    [{"last_page_at": NOW + 1.5}, {"finished_at": NOW + 0.0}, {"reads_begun": 1}, {"snapshot_seq": 8}, {"view": ""}],
)
def test_a_session_that_moved_since_the_look_is_not_replaced(
    engine: Engine, token_id: int, change: dict[str, object]
) -> None:
    moved = replace(SESSION, **change)  # type: ignore[arg-type]
    assert begin(engine, token_id, None, moved)
    assert not begin(engine, token_id, SESSION, replace(SESSION, snapshot_seq=9))
    assert stored(engine, token_id) == moved
    assert begin(engine, token_id, moved, replace(SESSION, snapshot_seq=9))


def test_reads_that_begin_at_once_are_all_counted(engine: Engine, token_id: int) -> None:
    begin(engine, token_id, None, SESSION)

    def count(_number: int) -> bool:
        with transaction(engine) as connection:
            return sessions.note_begun(connection, token_id, LIMIT, SESSION, now=NOW + 1, is_newest=False)

    with ThreadPoolExecutor(8) as executor:
        assert all(executor.map(count, range(12)))
    session = stored(engine, token_id)
    assert (session.reads_begun, session.reads_finished, session.last_page_at) == (12, 0, NOW + 1)


@pytest.mark.parametrize(
    ("before", "now", "after"),
    [
        (replace(SESSION, reads_begun=3, reads_finished=1), NOW + 1, (4, 1)),
        (replace(SESSION, reads_begun=1, reads_finished=1), NOW + SEVERAL_S - 1, (2, 1)),
        (replace(SESSION, reads_begun=1, reads_finished=1), NOW + SEVERAL_S, (1, 0)),
        (replace(SESSION, reads_begun=3, reads_finished=3), NOW + SEVERAL_S - 1, (4, 3)),
        (replace(SESSION, reads_begun=3, reads_finished=3), NOW + SEVERAL_S, (1, 0)),
        (replace(SESSION, reads_begun=3, reads_finished=1), NOW + IDLE_S + 1, (1, 0)),
        (replace(SESSION, reads_begun=3, reads_finished=1, finished_at=NOW + 20.0), NOW + IDLE_S + 1, (4, 1)),
    ],
)
def test_the_count_begins_anew_when_nobody_is_in_the_middle(
    engine: Engine, token_id: int, before: Session, now: float, after: tuple[int, int]
) -> None:
    begin(engine, token_id, None, before)
    with transaction(engine) as connection:
        assert sessions.note_begun(connection, token_id, LIMIT, before, now=now, is_newest=True)
    session = stored(engine, token_id)
    assert (session.reads_begun, session.reads_finished) == after
    assert session.opened_at == now


def test_pages_of_a_session_that_was_replaced_are_not_noted(engine: Engine, token_id: int) -> None:
    begin(engine, token_id, None, SESSION)
    old = replace(SESSION, since_seq=3)
    with transaction(engine) as connection:
        assert not sessions.note_begun(connection, token_id, LIMIT, old, now=NOW + 9, is_newest=True)
        assert not sessions.note_last_page(connection, token_id, LIMIT, old, now=NOW + 9, ends_read=True)
        sessions.note_page(connection, token_id, LIMIT, old, now=NOW + 9)
    assert stored(engine, token_id) == SESSION


def test_of_those_who_would_charge_a_read_at_once_one_does(engine: Engine, token_id: int) -> None:
    begin(engine, token_id, None, SESSION)
    charges: list[float] = []

    def charge(at: float) -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection, atomic(connection):
            if sessions.find_charge(connection, token_id, LIMIT, is_to_change=True) < at:
                charges.append(at)
                sessions.note_charge(connection, token_id, LIMIT, at=at)

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(charge, [float(NOW)] * 16))
    assert charges == [NOW]
    begin(engine, token_id, SESSION, replace(SESSION, snapshot_seq=8))  # a new snapshot is the same refresh
    with transaction(engine) as connection:
        assert sessions.find_charge(connection, token_id, LIMIT) == NOW
        assert sessions.find_charge(connection, token_id, LIMIT + 1) == 0


def test_a_position_that_was_moved_keeps_what_finished_in_the_meantime(
    engine: Engine, token: str, token_id: int
) -> None:
    with transaction(engine) as connection:
        sessions.note_finished(connection, token_id, Position(5, NOW, "v"))
        sessions.note_finished(connection, token_id, Position(7, NOW, "v"))
        sessions.move_position(connection, token_id, Position(5, NOW, "v"))
        access = access_of(connection, token, LIMIT)
        assert (access.position, access.pending) == (Position(5, NOW, "v"), Position(7, NOW, "v"))
        sessions.move_position(connection, token_id, Position(7, NOW, "v"))
        access = access_of(connection, token, LIMIT)
        assert (access.position, access.pending) == (Position(7, NOW, "v"), None)


def test_a_position_that_was_moved_leaves_that_of_another_token_pending(engine: Engine) -> None:
    """Two tokens that finished the same changes in the same second."""
    tokens, finished = [make_token(engine, None) for _ in range(2)], Position(5, NOW, "v")
    with transaction(engine) as connection:
        mine, other = (access_of(connection, each, LIMIT).token_id for each in tokens)
        for each in (mine, other):
            sessions.note_finished(connection, each, finished)
        sessions.move_position(connection, mine, finished)
        pending = [access_of(connection, each, LIMIT).pending for each in tokens]
    assert pending == [None, finished]
