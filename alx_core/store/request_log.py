"""The request log in the reporting database."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from alx_core.store.engine import is_postgresql
from alx_core.store.tables import request_log

COLUMNS = tuple(column.name for column in request_log.columns if column.name != "id")


def add_requests(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write requests, each a value for every one of COLUMNS; one that stands there already (by id) is left alone."""
    if rows:
        insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
        connection.execute(insert(request_log).on_conflict_do_nothing(index_elements=["request_id"]), list(rows))
