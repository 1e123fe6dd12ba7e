"""Statements of every request: compiled once, run on the driver's own cursor.

SQLAlchemy's execution of a statement that is at hand takes twice the driver's own time (100 microseconds of a core and
50, for a look by key). The statement itself is Core, as everywhere.
"""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import Executable
from sqlalchemy.sql.compiler import SQLCompiler

CURSOR = "alx_cursor"
"""Where a driver's connection keeps the cursor of these statements; each is read to its end before the next."""


class Prepared:
    """One statement. Values go to the driver and come from it as they are: a number, a text, bytes or None.

    The connection must be in autocommit, or in a transaction that has begun. Errors are SQLAlchemy's own.
    """

    def __init__(self, statement: Executable | Mapping[str, Executable]) -> None:
        """Take a statement, or one per dialect's name."""
        self._statement = statement
        self._compiled: dict[str, tuple[str, dict[str, Any], list[str] | None]] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run and return all rows."""
        return cast("list[tuple[Any, ...]]", self._run(connection, values).fetchall())

    def first(self, connection: Connection, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Run and return the first row, which must be the only one; None: there is none."""
        rows = self.rows(connection, values)
        return rows[0] if rows else None

    def count(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Run and return how many rows were written."""
        return cast("int", self._run(connection, values).rowcount)

    def _run(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        sql, fixed, order = self._compiled.get(connection.dialect.name) or self._compile(connection)
        every: Any = {**fixed, **values}
        if order is not None:
            every = [every[name] for name in order]
        cursor = connection.info.get(CURSOR)
        if cursor is None:
            cursor = connection.info[CURSOR] = _open_cursor(connection)
        if connection._has_events or connection.engine._has_events:  # noqa: SLF001  # who listens there hears of these too
            connection.dispatch.before_cursor_execute(connection, cursor, sql, every, None, False)
        try:
            cursor.execute(sql, every)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _wrapped(connection, cursor, sql, error) from error
        return cursor

    def _compile(self, connection: Connection) -> tuple[str, dict[str, Any], list[str] | None]:
        name = connection.dialect.name
        statement = self._statement[name] if isinstance(self._statement, Mapping) else self._statement
        compiled = cast("SQLCompiler", statement.compile(dialect=connection.dialect))  # type: ignore[attr-defined]
        fixed = {key: value for key, value in compiled.params.items() if value is not None}
        order = list(compiled.positiontup) if compiled.positiontup is not None else None
        self._compiled[name] = str(compiled), fixed, order
        return self._compiled[name]


def _open_cursor(connection: Connection) -> Any:
    driver: Any = connection.connection.driver_connection
    # psycopg takes rows apart in half the time when they come in binary.
    return driver.cursor(binary=True) if connection.dialect.name == "postgresql" else driver.cursor()


def _wrapped(connection: Connection, cursor: Any, sql: str, error: Exception) -> Exception:
    """The error as SQLAlchemy would raise it; a connection that is gone is let go. Values stay out of the message."""
    dialect = connection.dialect
    is_gone = dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)  # type: ignore[arg-type]
    wrapped = DBAPIError.instance(
        sql, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=is_gone,
        dialect=dialect,
    )  # fmt: skip
    if is_gone:
        connection.invalidate(error)
    return wrapped
