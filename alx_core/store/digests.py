"""What each learner range looked like in Moodle when its rows were last right."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from alx_core.store.tables import sync_digests


def load_digests(connection: Connection) -> list[dict[str, Any]]:
    """Return all digests, by first userid."""
    query = select(sync_digests).order_by(sync_digests.c.first_userid)
    return [dict(row) for row in connection.execute(query).mappings()]


def forget_digests(connection: Connection, *, keep: Sequence[int] = ()) -> None:
    """Forget all digests but those of the ranges that begin at `keep`."""
    connection.execute(delete(sync_digests).where(sync_digests.c.first_userid.not_in(keep)))


def save_digests(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write digests of ranges that have none."""
    if rows:
        connection.execute(insert(sync_digests), rows)
