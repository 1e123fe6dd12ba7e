"""PostgreSQL's prepared statements by libpq itself.

Psycopg's cursor takes three times as long for a statement of every request: 56 microseconds of a core and 18, for that
of a cached page. Only psycopg's public parts are used: its `PGconn`, its `Transformer` and its errors.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from psycopg import Connection
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

DONE = (ExecStatus.COMMAND_OK.value, ExecStatus.TUPLES_OK.value)
UNKNOWN_STATEMENT = b"26000"
"""The SQLSTATE of a prepared statement that is not there."""
MOST = 64
"""Statements that a connection keeps: clients choose how long a page is, and each length is a statement of its own."""


class PreparedStatements:
    """What one connection has prepared. The connection must be in autocommit: no transaction is begun here."""

    def __init__(self, connection: "Connection[Any]") -> None:
        """Use psycopg's connection; one thread at a time."""
        self._pgconn = connection.pgconn
        self._transformer = Transformer(connection)
        self._names: dict[str, bytes] = {}

    def run(self, sql: str, values: Sequence[Any]) -> tuple[list[tuple[Any, ...]], int]:
        """Run `sql`, with `$1` and so on for `values`; return its rows and how many it returned or wrote.

        PostgreSQL tells from the statement which type each value has. Raises psycopg's errors.
        """
        given: list[Any] = [value if value is None or type(value) is bytes else str(value).encode() for value in values]
        formats = [type(value) is bytes for value in values]
        if self._pgconn.transaction_status == TransactionStatus.INTRANS:
            # A statement that is not there any more would end the transaction, and could not be prepared in it.
            return self._loaded(self._pgconn.exec_params(sql.encode(), given, None, formats, Format.BINARY))
        name = self._names.pop(sql, None) or self._prepare(sql)
        self._names[sql] = name  # those used last stand at the end
        result = self._pgconn.exec_prepared(name, given, formats, Format.BINARY)
        if result.status not in DONE and result.error_field(DiagnosticField.SQLSTATE) == UNKNOWN_STATEMENT:
            # Psycopg has its connection forget all statements after a rollback, and so has a pooler's reset.
            result = self._pgconn.exec_prepared(self._prepare(sql), given, formats, Format.BINARY)
        return self._loaded(result)

    def _loaded(self, result: PGresult) -> tuple[list[tuple[Any, ...]], int]:
        _check(result)
        self._transformer.set_pgresult(result, format=Format.BINARY)
        return self._transformer.load_rows(0, result.ntuples, tuple), result.command_tuples or 0

    def _prepare(self, sql: str) -> bytes:
        """Prepare under a name that stands for this text alone, so that it can never be another statement's."""
        name = b"alx_" + hashlib.sha256(sql.encode()).hexdigest()[:32].encode()
        _check(self._pgconn.prepare(name, sql.encode()))
        if len(self._names) >= MOST:
            oldest = self._names.pop(next(iter(self._names)))
            self._pgconn.exec_(b"DEALLOCATE " + oldest)  # which may be gone already
        return name


def _check(result: PGresult) -> None:
    if result.status not in DONE:
        raise error_from_result(result)
