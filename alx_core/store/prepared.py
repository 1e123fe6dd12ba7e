"""Statements of every request: compiled once, run on the driver.

SQLAlchemy's execution of a statement that is at hand takes twice the driver's own time (100 microseconds of a core and
50, for a look by key). The statement itself is Core, as everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql import Executable
from sqlalchemy.sql.compiler import SQLCompiler

from alx_core.store.engine import wrapped

if TYPE_CHECKING:
    from alx_core.store.libpq import PreparedStatements

LIBPQ = "alx_libpq"
"""Where a connection to PostgreSQL keeps what it has prepared."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement in a driver's style: its own values, and the order in which it wants all (None: by their names)."""

    sql: str
    fixed: dict[str, Any]
    order: list[str] | None

    def arguments(self, values: Mapping[str, Any]) -> Any:
        every = {**self.fixed, **values}
        return every if self.order is None else [every[name] for name in self.order]


class Prepared:
    """One statement. Values go to the driver and come from it as they are: a number, a text, bytes or None.

    It must tell each value's type, by a column beside it or by a cast, as PostgreSQL is told none. The connection must
    be in autocommit, or in a transaction that has begun. Errors are SQLAlchemy's own.
    """

    def __init__(self, statement: Executable | Mapping[str, Executable]) -> None:
        """Take a statement, or one per dialect's name."""
        self._statement = statement
        self._compiled: dict[tuple[str, bool], _Compiled] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run and return all rows."""
        return self._run(connection, values)[0]

    def first(self, connection: Connection, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Run and return the first row, which must be the only one; None: there is none."""
        rows = self.rows(connection, values)
        return rows[0] if rows else None

    def count(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Run and return how many rows were written."""
        return self._run(connection, values)[1]

    def _run(self, connection: Connection, values: Mapping[str, Any]) -> tuple[list[tuple[Any, ...]], int]:
        driver: Any = connection.connection.driver_connection
        dialect = connection.dialect
        by_libpq = dialect.name == "postgresql" and driver.autocommit
        compiled = self._compiled.get((dialect.name, by_libpq)) or self._compile(dialect, by_libpq=by_libpq)
        arguments = compiled.arguments(values)
        cursor: Any = None if by_libpq else driver.cursor()
        if connection._has_events or connection.engine._has_events:  # noqa: SLF001  # who listens there hears of these too
            connection.dispatch.before_cursor_execute(connection, cursor, compiled.sql, arguments, None, False)
        try:
            if by_libpq:
                return _statements_of(connection, driver).run(compiled.sql, arguments)
            cursor.execute(compiled.sql, arguments)
            return cursor.fetchall() if cursor.description else [], cursor.rowcount
        except dialect.loaded_dbapi.Error as error:
            raise wrapped(connection, error, sql=compiled.sql, cursor=cursor) from error

    def _compile(self, dialect: Dialect, *, by_libpq: bool) -> _Compiled:
        statement = self._statement[dialect.name] if isinstance(self._statement, Mapping) else self._statement
        style = type(dialect)(paramstyle="numeric_dollar") if by_libpq else dialect  # type: ignore[call-arg]
        compiled = cast("SQLCompiler", statement.compile(dialect=style))  # type: ignore[attr-defined]
        fixed = {key: value for key, value in compiled.params.items() if value is not None}
        order = list(compiled.positiontup) if compiled.positiontup is not None else None
        self._compiled[dialect.name, by_libpq] = made = _Compiled(str(compiled), fixed, order)
        return made


def _statements_of(connection: Connection, driver: Any) -> "PreparedStatements":
    statements: PreparedStatements | None = connection.info.get(LIBPQ)
    if statements is None:
        from alx_core.store import libpq  # noqa: PLC0415  # who works with SQLite needs no psycopg

        statements = connection.info[LIBPQ] = libpq.PreparedStatements(driver)
    return statements
