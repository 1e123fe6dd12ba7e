"""The difference between what the reporting table should hold and what it holds, row by row.

Only rows that really differ are written, so `last_updated` and `change_seq` move only when a row's content moves.
"""

from enum import IntEnum

import polars as pl

from alx_core.domain.progress import CONTENT, KEY

PERSONAL = ("username", "firstname", "lastname", "email")


class Op(IntEnum):
    """What happens to a row."""

    INSERT = 0
    """The key is new."""
    REVIVE = 1
    """The key stands as a tombstone and qualifies again; it counts as created."""
    UPDATE = 2
    """The content differs."""
    DELETE = 3
    """The row no longer qualifies; it becomes a tombstone."""


def changes(expected: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Return the rows to write: KEY, CONTENT and `op`, sorted by key.

    `expected` has KEY and CONTENT; `stored` has these and `is_deleted` (0 or 1). A tombstone keeps its key and loses
    the learner's name and address: who left the company is no longer the report's business.
    """
    if stored.is_empty():
        return expected.with_columns(pl.lit(Op.INSERT, pl.Int8()).alias("op"))
    before = stored.select(*KEY, "is_deleted", pl.struct(*CONTENT).alias("before"))
    joined = expected.with_columns(pl.struct(*CONTENT).alias("after")).join(before, on=KEY, how="left")
    op = (
        pl.when(pl.col("is_deleted").is_null()).then(Op.INSERT)
        .when(pl.col("is_deleted") == 1).then(Op.REVIVE)
        .when(pl.col("after") != pl.col("before")).then(Op.UPDATE)
        .cast(pl.Int8()).alias("op")
    )  # fmt: skip
    written = joined.select(*KEY, *CONTENT, op).filter(pl.col("op").is_not_null())
    gone = stored.filter(pl.col("is_deleted") == 0).join(expected, on=KEY, how="anti")
    tombstones = gone.select(
        *KEY,
        *(pl.lit("").alias(name) if name in PERSONAL else pl.col(name) for name in CONTENT),
        pl.lit(Op.DELETE, pl.Int8()).alias("op"),
    )
    return pl.concat([written, tombstones]).sort(KEY)
