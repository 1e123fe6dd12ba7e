"""The request log in the reporting database: how rows get in, and what its queries share."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Connection, and_, text

from alx_core.domain.bad_records import LAST_TIME
from alx_core.domain.freshness import HOUR_S
from alx_core.domain.outcomes import FAILED_AUTH
from alx_core.store.engine import is_postgresql
from alx_core.store.tables import request_log

HOUR_MS = HOUR_S * 1000
"""In the unit of `timeaccessed`."""
COLUMNS = tuple(column.name for column in request_log.columns if column.name != "id")

# Rows go over as one JSON text: as parameters, each costs ten times as much here and twice in the database.
_INSERT = f"INSERT INTO {request_log.name} ({', '.join(COLUMNS)}) SELECT"
_POSTGRESQL = text(
    f"{_INSERT} {', '.join(COLUMNS)} FROM json_populate_recordset(NULL::{request_log.name}, CAST(:rows AS json))"
    " ON CONFLICT (request_id) DO NOTHING"
)
_SQLITE = text(
    f"{_INSERT} {', '.join(f'value ->> {name!r}' for name in COLUMNS)} FROM json_each(:rows)"
    " WHERE true ON CONFLICT (request_id) DO NOTHING"
)

IS_FAILED_AUTH: ColumnElement[bool] = and_(
    request_log.c.token_id.is_(None), request_log.c.outcome.in_(sorted(FAILED_AUTH))
)


LAST_MS = LAST_TIME * 1000
"""Later than any request, whatever a clock that ran ahead wrote down."""


def called_within(start: int, end: int) -> ColumnElement[bool]:
    """Requests in [start, end), epoch seconds."""
    return and_(request_log.c.timeaccessed >= start * 1000, request_log.c.timeaccessed < end * 1000)


def called_since(start_ms: int | BindParameter[int]) -> ColumnElement[bool]:
    """Requests since `start_ms`, epoch milliseconds.

    With an end all the same: where PostgreSQL has no statistics yet, it takes an open condition for a third of the log,
    and reads all of it.
    """
    return request_log.c.timeaccessed.between(start_ms, LAST_MS)


def add_requests(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write requests, each a value for every one of COLUMNS; one that stands there already (by id) is left alone."""
    if rows:
        statement = _POSTGRESQL if is_postgresql(connection) else _SQLITE
        connection.execute(statement, {"rows": msgspec.json.encode(rows).decode()})
