"""What there is one of for each reporting database: who writes its table, and who runs Dagster over it.

Dagster's pool keeps two runs of its queue apart; the writer's lock also keeps apart what does not go through the
queue: a second `alx sync`, another Dagster, another host. Locks are the database's own where there is one, so they go
away with the process that held them, killed or not, and half a minute after a host that vanished.
"""

import fcntl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from alx_core.errors import SettingsError, SyncLocked
from alx_core.store.engine import connect, is_postgresql, shown

POLL_S = 0.25
UP_PATIENCE_S = 5
"""Longest that `alx up` waits for one that has just been stopped to be gone."""

NEVER_TOO_IDLE = text("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'")
"""A role or database may have its idle sessions ended, and the lock with them. PostgreSQL has this since version 14."""

HOLDERS = text(
    "SELECT host(client_addr) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid = :high AND objid = :low"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""The addresses from which a lock is held, NULL by a socket. Source: PostgreSQL's manual, "pg_locks": a key of 64 bits
stands in two halves."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock: the key of PostgreSQL's advisory lock, and how the file beside SQLite's ends."""

    key: int
    ending: str

    def holders(self, connection: Connection) -> Sequence[str | None]:
        """Return the addresses that hold it, on PostgreSQL. It is not tried: that would stand in the way of others."""
        halves = {"high": self.key >> 32, "low": self.key & 0xFFFFFFFF}
        return connection.scalars(HOLDERS, halves).all()


WRITER = Lock(int.from_bytes(b"alx_sync"), "sync-lock")
UP = Lock(int.from_bytes(b"alx_up__"), "up-lock")

TryLock = Callable[[], bool]


@contextmanager
def writer_lock(engine: Engine, *, timeout_s: float, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the writer's lock. Calls `on_wait` once when another sync holds it.

    Raises SyncLocked when it is still held after `timeout_s` seconds.
    """
    with _open(engine, WRITER) as try_lock:
        if not _take(try_lock, timeout_s=timeout_s, on_wait=on_wait):
            raise SyncLocked(
                f"Another sync is writing the reporting table and did not end within {timeout_s:g} seconds. "
                "See `alx status` for the running one; run this again when it is done."
            )
        yield


@contextmanager
def up_lock(engine: Engine) -> Iterator[None]:
    """Be the only `alx up` over this database: a second one would schedule every sync once more.

    A database that goes away takes the lock with it, and it is not taken again. Raises SettingsError when another one
    has it.
    """
    with _open(engine, UP) as try_lock:
        if not _take(try_lock, timeout_s=UP_PATIENCE_S):
            raise SettingsError(
                f"alx is running already over {shown(engine.url)}{_from_where(engine)}. One `alx up` for each "
                "reporting database: stop that one first, or set another ALX_DATABASE_URL. `alx api` serves on further "
                "hosts."
            )
        yield


def is_writing(connection: Connection) -> bool:
    """Whether a sync holds the writer's lock at this moment."""
    if is_postgresql(connection):
        return bool(WRITER.holders(connection))
    with _file(connection.engine, WRITER) as try_lock:
        return not try_lock()


def _open(engine: Engine, lock: Lock) -> AbstractContextManager[TryLock]:
    return _advisory(engine, lock) if engine.dialect.name == "postgresql" else _file(engine, lock)


def _take(try_lock: TryLock, *, timeout_s: float, on_wait: Callable[[], None] = lambda: None) -> bool:
    """Try until it succeeds, for `timeout_s` seconds at most; call `on_wait` when it does not at once."""
    deadline = time.monotonic() + timeout_s
    if try_lock():
        return True
    on_wait()
    while not try_lock():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


def _from_where(engine: Engine) -> str:
    if engine.dialect.name != "postgresql":
        return ""
    with connect(engine) as connection:
        return "".join(f", from {address}" for address in UP.holders(connection) if address)


@contextmanager
def _advisory(engine: Engine, lock: Lock) -> Iterator[TryLock]:
    """A session-level advisory lock, on a connection of its own that stays open as long as the lock is held."""
    with connect(engine) as opened:
        connection = opened.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(NEVER_TOO_IDLE)
        held = False

        def try_lock() -> bool:
            nonlocal held
            held = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": lock.key}))
            return held

        try:
            yield try_lock
        finally:
            if held and not connection.invalidated:
                with suppress(DBAPIError):  # a connection that is gone has let the lock go
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": lock.key})


@contextmanager
def _file(engine: Engine, lock: Lock) -> Iterator[TryLock]:
    """A lock on a file beside SQLite's, which the operating system drops with the process."""
    database = engine.url.database
    if database in (None, "", ":memory:"):  # visible to this process alone
        yield lambda: True
        return
    path = Path(f"{database}.{lock.ending}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:

        def try_lock() -> bool:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        yield try_lock  # closing the file drops the lock
