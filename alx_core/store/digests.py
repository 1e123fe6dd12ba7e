"""What each learner range looked like in Moodle when its rows were last right."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from alx_core.store.tables import sync_digests


def load_digests(connection: Connection) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return all digests, by first userid."""
    return connection.execute(select(sync_digests).order_by(sync_digests.c.first_userid)).all()


def forget_digests(connection: Connection, *, keep: Collection[int] = ()) -> None:
    """Forget all digests but those of the ranges that begin at `keep`."""
    if not keep:
        connection.execute(delete(sync_digests))
        return
    # There are up to thousands to be kept: those that are not are fewer, or none.
    gone = set(connection.scalars(select(sync_digests.c.first_userid))).difference(keep)
    if gone:
        connection.execute(delete(sync_digests).where(sync_digests.c.first_userid.in_(gone)))


def save_digests(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write digests of ranges that have none."""
    if rows:
        connection.execute(insert(sync_digests), rows)
