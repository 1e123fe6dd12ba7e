"""Connections of the API: one per thread, in autocommit, kept open."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from alx_core.store.engine import CONNECT_TIMEOUT_S, connect, make_engine, unreachable

STATEMENT_TIMEOUT_MS = 30_000


class Database:
    """The reporting database as the API's threads see it."""

    def __init__(self, url: URL) -> None:
        """Keep the URL; the first request connects."""
        self.engine = make_api_engine(url)
        self._local = threading.local()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Yield the thread's connection. Raises StoreUnreachable; the next call then connects anew."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed or connection.invalidated:
            with connect(self.engine) as probe:  # says clearly why it can't connect
                probe.exec_driver_sql("SELECT 1")
            connection = self.engine.connect()
            self._local.connection = connection
        try:
            yield connection
        except DBAPIError as error:
            if error.connection_invalidated or connection.invalidated:
                self._drop(connection)
                raise unreachable(self.engine.url, error) from error
            raise

    def close(self) -> None:
        """Close the thread's connection and the engine."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self.engine.dispose()

    def _drop(self, connection: Connection) -> None:
        self._local.connection = None
        connection.close()


def make_api_engine(url: URL) -> Engine:
    """Make an engine whose connections are in autocommit.

    On PostgreSQL a commit does not wait for the disk: a counter or a cached page that a power cut takes is worth less
    than the half millisecond on every request. A process that is killed loses nothing.
    """
    if url.get_backend_name() == "sqlite":
        engine = make_engine(url)
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    options = f"-c synchronous_commit=off -c statement_timeout={STATEMENT_TIMEOUT_MS}"
    return create_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "options": options, "prepare_threshold": 1},
    )
