"""Connections of the API: one per thread, in autocommit, kept open."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from alx_core.store.engine import PROGRAM, SESSION, libpq_options, make_engine, unreachable

STATEMENT_TIMEOUT_MS = 30_000
IDLE_S = 5.0
"""A connection that was not used for so long is asked whether it is still there: a server may have restarted. So is
each that was not used since another was found gone."""


class Database:
    """The reporting database as the API's threads see it."""

    def __init__(self, url: URL) -> None:
        """Keep the URL; the first request connects."""
        self.engine = make_api_engine(url)
        self._local = threading.local()
        self._gone_at = -math.inf
        """When a thread last found that the server was away, or had been."""

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Yield the thread's connection. Raises StoreUnreachable; the next call then connects anew."""
        connection = self._thread_connection()
        try:
            yield connection
        except DBAPIError as error:
            if error.connection_invalidated or connection.invalidated:
                self._gone_at = time.monotonic()
                self._drop(connection)
                raise unreachable(self.engine.url, error) from error
            raise
        self._local.used_at = time.monotonic()

    def close(self) -> None:
        """Close the thread's connection and the engine."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._drop(connection)
        self.engine.dispose()

    def _thread_connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None and self._is_doubtful() and not _answers(connection):
            self._drop(connection)
            connection = None
        if connection is None:
            try:
                connection = self.engine.connect()
            except DBAPIError as error:
                self._gone_at = time.monotonic()
                raise unreachable(self.engine.url, error) from error
            self._local.connection, self._local.used_at = connection, time.monotonic()
        return connection

    def _is_doubtful(self) -> bool:
        used_at = self._local.used_at
        return bool(used_at <= self._gone_at or time.monotonic() - used_at > IDLE_S)

    def _drop(self, connection: Connection) -> None:
        self._local.connection = None
        with suppress(DBAPIError):
            connection.close()


def _answers(connection: Connection) -> bool:
    try:
        connection.exec_driver_sql("SELECT 1")
    except DBAPIError:
        return False
    return True


def make_api_engine(url: URL) -> Engine:
    """Make an engine whose connections are in autocommit.

    On PostgreSQL a commit does not wait for the disk: a counter or a cached page that a power cut takes is worth less
    than the half millisecond on every request. A process that is killed loses nothing. Options of the URL itself, such
    as a search path, hold here as everywhere.
    """
    if url.get_backend_name() == "sqlite":
        engine = make_engine(url)
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    settings = {**SESSION, "synchronous_commit": "off", "statement_timeout": STATEMENT_TIMEOUT_MS}
    own = (f"-c {name}={value}" for name, value in settings.items())
    options = " ".join((*own, *url.normalized_query.get("options", ())))
    return create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
        connect_args={**libpq_options(url, f"{PROGRAM} api"), "options": options, "prepare_threshold": 1},
    )
