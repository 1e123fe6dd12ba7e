"""The one writer of the reporting table.

Dagster's pool keeps two runs of its queue apart; this lock also keeps apart what does not go through the queue: a
second `alx sync`, another Dagster, another host. It is the database's own where there is one, so it goes away with
the process that held it, killed or not.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from alx_core.errors import SyncLocked
from alx_core.store.engine import connect, is_postgresql

LOCK_KEY = 0x616C785F73796E63
"""Key of the PostgreSQL advisory lock: the letters `alx_sync`."""
POLL_S = 0.25

NEVER_TOO_IDLE = text("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'")
"""A role or database may have its idle sessions ended, and the lock with them. PostgreSQL has this since version 14."""

IS_HELD = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND classid = :high AND objid = :low"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)
"""Source: PostgreSQL's manual, "pg_locks": an advisory lock's key of 64 bits stands in two halves."""

TryLock = Callable[[], bool]


@contextmanager
def writer_lock(engine: Engine, *, timeout_s: float, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the writer's lock. Calls `on_wait` once when another sync holds it.

    Raises SyncLocked when it is still held after `timeout_s` seconds.
    """
    with ExitStack() as stack:
        try_lock = stack.enter_context(_advisory(engine) if engine.dialect.name == "postgresql" else _file(engine))
        deadline = time.monotonic() + timeout_s
        if not try_lock():
            on_wait()
            while not try_lock():
                if time.monotonic() >= deadline:
                    raise SyncLocked(
                        f"Another sync is writing the reporting table and did not end within {timeout_s:g} seconds. "
                        "See `alx status` for the running one; run this again when it is done."
                    )
                time.sleep(POLL_S)
        yield


def is_writing(connection: Connection) -> bool:
    """Whether a sync holds the writer's lock at this moment."""
    if is_postgresql(connection):
        # Looked at, not tried: whoever tries it stands in the way of a sync that begins.
        return bool(connection.scalar(IS_HELD, {"high": LOCK_KEY >> 32, "low": LOCK_KEY & 0xFFFFFFFF}))
    with _file(connection.engine) as try_lock:
        return not try_lock()


@contextmanager
def _advisory(engine: Engine) -> Iterator[TryLock]:
    """A session-level advisory lock, on a connection of its own that stays open as long as the lock is held."""
    with connect(engine) as opened:
        connection = opened.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(NEVER_TOO_IDLE)
        held = False

        def try_lock() -> bool:
            nonlocal held
            held = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK_KEY}))
            return held

        try:
            yield try_lock
        finally:
            if held and not connection.invalidated:
                with suppress(DBAPIError):  # a connection that is gone has let the lock go
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})


@contextmanager
def _file(engine: Engine) -> Iterator[TryLock]:
    """A lock on a file beside SQLite's, which the operating system drops with the process."""
    database = engine.url.database
    if database in (None, "", ":memory:"):  # visible to this process alone
        yield lambda: True
        return
    path = Path(f"{database}.sync-lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:

        def try_lock() -> bool:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        yield try_lock  # closing the file drops the lock
