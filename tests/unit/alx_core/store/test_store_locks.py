"""The one writer: whoever comes second waits, and a lock never outlives its holder."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import Connection as PostgresqlConnection
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from alx_core.errors import SettingsError, StoreUnreachable, SyncLocked
from alx_core.store import locks
from alx_core.store.engine import make_engine, transaction
from alx_core.store.locks import up_lock, writer_lock
from support.reporting_databases import KINDS_OF_DATABASE, reporting_database

pytestmark = pytest.mark.slow

PATIENCE_S = 20
"""Longest that a test waits for something that must happen; it never takes so long."""

HOLDER = """
import sys, time
from sqlalchemy.engine import make_url
from alx_core.store.engine import make_engine
from alx_core.store.locks import writer_lock
with writer_lock(make_engine(make_url(sys.argv[1])), timeout_s=0):
    print("held", flush=True)
    time.sleep(60)
"""

MakeEngine = Callable[[], Engine]


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    with reporting_database(request.param, tmp_path_factory.mktemp("locks")) as found:
        yield found


@pytest.fixture
def engines(url: URL) -> Iterator[MakeEngine]:
    """Makes engines that share nothing but the database, as two processes do."""
    made: list[Engine] = []

    def make() -> Engine:
        made.append(make_engine(url))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def is_free(engine: Engine) -> bool:
    try:
        with writer_lock(engine, timeout_s=0):
            return True
    except SyncLocked:
        return False


@contextmanager
def holder(url: URL) -> Iterator["subprocess.Popen[str]"]:
    """A process of its own that holds the lock."""
    command = [sys.executable, "-c", HOLDER, url.render_as_string(hide_password=False)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_free_lock_is_taken_at_once_without_a_word(engines: MakeEngine) -> None:
    told: list[str] = []
    with writer_lock(engines(), timeout_s=0, on_wait=lambda: told.append("waiting")):
        pass
    assert told == []


def test_a_second_holder_is_told_once_and_gives_up_after_its_timeout(engines: MakeEngine) -> None:
    told: list[str] = []
    with writer_lock(engines(), timeout_s=0):
        began = time.monotonic()
        with (
            pytest.raises(SyncLocked, match=r"did not end within 0\.3 seconds.*alx status"),
            writer_lock(engines(), timeout_s=0.3, on_wait=lambda: told.append("waiting")),
        ):
            pytest.fail("two holders at once")
        assert 0.3 <= time.monotonic() - began < PATIENCE_S
    assert told == ["waiting"]


def test_a_second_holder_gets_the_lock_when_the_first_is_done(engines: MakeEngine) -> None:
    order: list[str] = []
    is_held, is_waiting = threading.Event(), threading.Event()

    def first() -> None:
        with writer_lock(engines(), timeout_s=0):
            is_held.set()
            assert is_waiting.wait(PATIENCE_S)
            order.append("first is done")

    thread = threading.Thread(target=first)
    thread.start()
    assert is_held.wait(PATIENCE_S)
    with writer_lock(engines(), timeout_s=PATIENCE_S, on_wait=is_waiting.set):
        order.append("second holds")
    thread.join(PATIENCE_S)
    assert order == ["first is done", "second holds"]


def test_the_lock_is_free_again_afterwards(engines: MakeEngine) -> None:
    first = engines()
    with writer_lock(first, timeout_s=0):
        assert not is_free(engines())
    assert is_free(engines())


def test_the_lock_is_free_again_after_an_error(engines: MakeEngine) -> None:
    with pytest.raises(ZeroDivisionError), writer_lock(engines(), timeout_s=0):
        _ = 1 / 0
    assert is_free(engines())


def test_giving_up_does_not_free_the_lock_of_the_other(engines: MakeEngine) -> None:
    with writer_lock(engines(), timeout_s=0):
        assert not is_free(engines())
        assert not is_free(engines())


def test_the_lock_of_a_process_that_is_killed_is_free_again(url: URL, engines: MakeEngine) -> None:
    told: list[str] = []
    with holder(url) as process:
        assert not is_free(engines())
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
        with writer_lock(engines(), timeout_s=PATIENCE_S, on_wait=lambda: told.append("waiting")):
            pass
    assert len(told) <= 1


def test_the_lock_keeps_nobody_from_reading_and_writing_the_database(engines: MakeEngine) -> None:
    with writer_lock(engines(), timeout_s=0):
        engine = engines()
        with transaction(engine) as connection:
            connection.execute(text("CREATE TABLE beside (id INTEGER)"))
            connection.execute(text("INSERT INTO beside VALUES (1)"))
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM beside")) == 1


def test_a_server_that_ends_idle_sessions_leaves_the_lock_with_who_holds_it(tmp_path: Path) -> None:
    """A sync's other connections work meanwhile; this one does nothing as long as the lock is held."""
    with reporting_database("postgresql", tmp_path) as url:
        engine = make_engine(url)
        with transaction(engine) as connection:
            connection.execute(text(f"ALTER DATABASE {url.database} SET idle_session_timeout = '100ms'"))
        engine.dispose()
        with writer_lock(engine, timeout_s=0), engine.connect() as ended:
            ended.rollback()
            with pytest.raises(DBAPIError, match="idle-session timeout"):
                wait_until_ended(ended)
            assert not is_free(engine)
        engine.dispose()


def wait_until_ended(connection: Connection) -> None:
    """Use a connection now and then, until the server has ended it."""
    for _ in range(int(PATIENCE_S / 0.3)):
        time.sleep(0.3)
        connection.scalar(text("SELECT 1"))
        connection.rollback()


def test_the_server_gives_up_a_session_whose_host_vanished_in_half_a_minute(tmp_path: Path) -> None:
    """As long it keeps the session's locks; its own default is two hours."""
    taken: list[PostgresqlConnection] = []
    with reporting_database("postgresql", tmp_path) as url:
        engine = make_engine(url)
        event.listen(engine, "checkout", lambda driver, *_: taken.append(driver))
        with writer_lock(engine, timeout_s=0):
            (driver,) = taken
            idle, interval, count, unacknowledged = (
                driver.execute(f"SHOW tcp_{name}").fetchone()
                for name in ("keepalives_idle", "keepalives_interval", "keepalives_count", "user_timeout")
            )
        engine.dispose()
    assert (idle, interval, count, unacknowledged) == (("10",), ("5",), ("3",), ("30000",))


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "UP_PATIENCE_S", 0.3)


@pytest.mark.usefixtures("patience")
def test_alx_runs_once_over_a_database_and_syncs_beside_it(url: URL, engines: MakeEngine) -> None:
    with up_lock(engines()):
        assert is_free(engines()), "a sync has a lock of its own"
        with (
            pytest.raises(SettingsError, match=r"running already over .* `alx api` serves") as caught,
            up_lock(engines()),
        ):
            pytest.fail("two at once")
        assert (", from " in str(caught.value)) == bool(url.host)
    with up_lock(engines()):
        pass


def test_an_alx_that_is_being_stopped_is_waited_for(engines: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    is_held, is_tried = threading.Event(), threading.Event()

    def first() -> None:
        with up_lock(engines()):
            is_held.set()
            assert is_tried.wait(PATIENCE_S)

    thread = threading.Thread(target=first)
    thread.start()
    assert is_held.wait(PATIENCE_S)
    monkeypatch.setattr(locks.time, "sleep", lambda _s: is_tried.set())
    monkeypatch.setattr(locks, "UP_PATIENCE_S", PATIENCE_S)
    with up_lock(engines()):
        assert is_tried.is_set()
    thread.join(PATIENCE_S)


def test_two_databases_have_two_locks(tmp_path: Path) -> None:
    one, other = (make_engine(URL.create("sqlite", database=str(tmp_path / name))) for name in ("a", "b"))
    with writer_lock(one, timeout_s=0):
        assert is_free(other)
    one.dispose()
    other.dispose()


def test_sqlites_folder_is_made_for_the_lock(tmp_path: Path) -> None:
    database = tmp_path / "new" / "alx.sqlite"
    engine = make_engine(URL.create("sqlite", database=str(database)))
    database.parent.rmdir()
    assert is_free(engine)
    engine.dispose()


def test_a_database_in_memory_needs_no_lock() -> None:
    engine = make_engine(URL.create("sqlite"))
    assert is_free(engine)
    engine.dispose()


def test_a_server_that_is_down_is_unreachable_not_locked() -> None:
    engine = make_engine(URL.create("postgresql+psycopg", host="127.0.0.1", port=1, database="alx"))
    with pytest.raises(StoreUnreachable), writer_lock(engine, timeout_s=0):
        pytest.fail("no server, no lock")
    engine.dispose()
