"""What each learner range and each part of the catalogue looked like in Moodle when rows were last right."""

from collections.abc import Collection, Mapping

import polars as pl
from sqlalchemy import Connection, Integer, bindparam, delete, func, insert, literal, select

from alx_core.domain.digests import Part
from alx_core.store.copy import copy_rows
from alx_core.store.engine import driver_of, insert_into, is_postgresql
from alx_core.store.tables import is_current, reporting, sync_catalogue, sync_digests


def load_digests(connection: Connection) -> pl.DataFrame:
    """Return all rows of `sync_digests`, with its columns."""
    rows = [tuple(row) for row in connection.execute(select(sync_digests))]
    return pl.DataFrame(rows, dict.fromkeys(sync_digests.c.keys(), pl.Int64()), orient="row")


def forget_digests(connection: Connection, *, keep: Collection[int] = ()) -> None:
    """Forget all digests but those of the ranges that begin at `keep`."""
    if not keep:
        connection.execute(delete(sync_digests))
        return
    # There are up to thousands to be kept: those that are not are fewer, or none.
    gone = set(connection.scalars(select(sync_digests.c.first_userid))).difference(keep)
    if gone:
        connection.execute(delete(sync_digests).where(sync_digests.c.first_userid.in_(gone)))


def save_digests(connection: Connection, ranges: pl.DataFrame) -> None:
    """Write rows of `sync_digests`, with its columns, of ranges that have none."""
    rows = ranges.select(sync_digests.c.keys())
    if is_postgresql(connection):
        with driver_of(connection) as driver, driver.cursor() as cursor:
            copy_rows(cursor, sync_digests.name, rows)
    elif not rows.is_empty():
        connection.execute(insert(sync_digests), rows.to_dicts())


def load_catalogue(connection: Connection) -> dict[Part, str]:
    """Return the digests of the catalogue's parts that the noted ranges are right by."""
    return {Part(row.kind, row.id): row.digest for row in connection.execute(select(sync_catalogue))}


def save_catalogue(connection: Connection, digests: Mapping[Part, str]) -> None:
    """Let these be the catalogue's parts."""
    before, part = load_catalogue(connection), sync_catalogue.c
    gone = [{"b_kind": kind, "b_id": id_} for kind, id_ in before.keys() - digests.keys()]
    if gone:
        is_gone = (part.kind == bindparam("b_kind")) & (part.id == bindparam("b_id"))
        connection.execute(delete(sync_catalogue).where(is_gone), gone)
    changed = [
        {"kind": kind, "id": id_, "digest": digest}
        for (kind, id_), digest in digests.items()
        if before.get(Part(kind, id_)) != digest
    ]
    if changed:
        statement = insert_into(connection, sync_catalogue)
        anew = {"digest": statement.excluded.digest}
        connection.execute(statement.on_conflict_do_update(index_elements=["kind", "id"], set_=anew), changed)


def rows_of_courses(connection: Connection, courseids: Collection[int], width: int) -> dict[int, int]:
    """Return how many rows of these courses the reporting table has, by the learners' ids divided by `width`."""
    number = reporting.c.userid // literal(width, Integer)
    query = select(number.label("number"), func.count().label("rows")).where(
        reporting.c.courseid.in_(courseids), is_current(reporting)
    )
    return {row.number: row.rows for row in connection.execute(query.group_by(number))}
