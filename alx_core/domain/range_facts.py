"""What each learner range holds, worked out for all ranges of a snapshot at once: its digest, and figures of a run.

A range's digest is the number of rows it has in each of Moodle's tables with a row per learner, and the sum of their
hashes: where all of these are the same, nothing has changed. Noted beside it, its other facts stand for the range in
hours in which it is not looked at.
"""

from collections.abc import Collection, Iterable, Mapping

import polars as pl

from alx_core.domain.digests import TOTAL_MODULUS, row_hashes
from alx_core.domain.learners import Layout
from alx_core.domain.progress import CHANGED_AT, LEARNER_TABLES, Snapshot, next_changes

I64 = pl.Int64()
DIGEST = tuple(f"{table}_{what}" for table in LEARNER_TABLES for what in ("rows", "total"))
"""Of each table: number of rows, and the sum of their hashes modulo TOTAL_MODULUS; 0 where there are none."""

RANGE_DIGESTS: dict[str, pl.DataType] = dict.fromkeys(("index", *DIGEST), I64)
"""Columns of a frame of ranges by range index, with their digests."""
RANGE_FACTS: dict[str, pl.DataType] = {**RANGE_DIGESTS, "newest_change": I64, "valid_until": I64}
"""The same with `newest_change`, the latest time in what they say (null: none), and `valid_until`, the first instant
at which time alone changes a row (null: never)."""

NO_RANGES = pl.DataFrame(schema=RANGE_FACTS)


def range_facts(
    snapshot: Snapshot, *, as_of: int, layout: Layout, indexes: Iterable[int], is_hashed: bool = True
) -> pl.DataFrame:
    """Return RANGE_FACTS of the ranges `indexes`, ascending. Changes after `as_of` are none yet.

    All sums are 0 unless they are asked for.
    """
    found = {name: _rows_of(name, snapshot[name], as_of, layout, is_hashed=is_hashed) for name in LEARNER_TABLES}
    newest = pl.concat([each.select("index", "time") for each in found.values()]).group_by("index").max()
    return (
        side_by_side(found, indexes)
        .join(newest.rename({"time": "newest_change"}), on="index", how="left")
        .join(next_changes(snapshot, as_of=as_of, layout=layout), on="index", how="left")
        .select(RANGE_FACTS.keys())
        .sort("index")
    )


def _rows_of(table: str, rows: pl.DataFrame, as_of: int, layout: Layout, *, is_hashed: bool) -> pl.DataFrame:
    index = layout.index_of(pl.col("id" if table == "user" else "userid")).alias("index")
    time = pl.col(CHANGED_AT[table]) if table in CHANGED_AT else pl.lit(None, I64)
    hashed = row_hashes(table, rows) if is_hashed else pl.lit(0, I64)
    found = rows.select(index, hashed.alias("total"), pl.when(time.is_between(0, as_of)).then(time).alias("time"))
    # One pass for all three: grouping is what costs.
    return found.group_by("index").agg(pl.len().alias("rows"), pl.col("total").sum(), pl.col("time").max())


def side_by_side(tables: Mapping[str, pl.DataFrame], indexes: Iterable[int]) -> pl.DataFrame:
    """Return RANGE_DIGESTS of the ranges `indexes`, ascending.

    `tables` gives of each table with a row per learner the number of `rows` by `index`, and the `total` of their
    hashes, which may have gone beyond 63 bits and begun anew.
    """
    ranges = pl.DataFrame({"index": pl.Series(sorted(indexes), dtype=I64)})
    for name in LEARNER_TABLES:
        counted = tables[name].select(
            "index",
            pl.col("rows").cast(I64).alias(f"{name}_rows"),
            (pl.col("total") & (TOTAL_MODULUS - 1)).alias(f"{name}_total"),
        )
        ranges = ranges.join(counted, on="index", how="left")
    return ranges.with_columns(pl.col(*DIGEST).fill_null(0)).sort("index")


def with_same_digest(ranges: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Return those of `ranges` that have the same digest in `others`, ascending by index."""
    return ranges.join(others, on=list(RANGE_DIGESTS), how="semi").sort("index")


def of_ranges(ranges: pl.DataFrame, indexes: Collection[int]) -> pl.DataFrame:
    """Return those of `ranges` that are among `indexes`, in their order."""
    return ranges.filter(pl.col("index").is_in(list(indexes)))


def without(ranges: pl.DataFrame, indexes: Collection[int]) -> pl.DataFrame:
    """Return those of `ranges` that are not among `indexes`, in their order."""
    return ranges.filter(~pl.col("index").is_in(list(indexes)))


def rows_in(ranges: pl.DataFrame) -> int:
    """Return how many rows `ranges` have in Moodle's tables with a row per learner."""
    return sum(rows_read(ranges).values())


def rows_read(ranges: pl.DataFrame) -> dict[str, int]:
    """Return how many rows `ranges` have in each of Moodle's tables with a row per learner."""
    return {name: int(ranges[f"{name}_rows"].sum()) for name in LEARNER_TABLES}
