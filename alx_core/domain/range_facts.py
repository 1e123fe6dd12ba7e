"""What each learner range holds, worked out for all ranges of a snapshot at once: figures of a run, and digests.

Noted beside a range's digest, its facts stand for it in hours in which it is not looked at.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from alx_core.domain.digests import TOTAL_MODULUS, range_digest, row_hashes
from alx_core.domain.learners import Layout
from alx_core.domain.progress import CHANGED_AT, LEARNER_TABLES, Snapshot, next_changes


class TableRows(NamedTuple):
    """What a range has of one table: number of rows, sum of their hashes (0 unless asked for), newest change."""

    rows: int
    total: int
    newest_change: int | None


@dataclass(frozen=True, slots=True)
class RangeFacts:
    """What a range adds to a run's figures.

    `rows` counts the rows per company that Moodle's tables give; `rows_read` Moodle's rows by table with a row per
    learner; `newest_change` is the latest time in what they say; `valid_until` the first instant at which time alone
    changes a row.
    """

    rows: dict[int, int]
    rows_read: dict[str, int]
    newest_change: int | None
    valid_until: int | None


RowsByRange = Mapping[str, Mapping[int, TableRows]]
"""Table with a row per learner -> range index -> what the range has of it; a range without rows is left out."""


def rows_by_range(snapshot: Snapshot, *, as_of: int, layout: Layout, is_hashed: bool = True) -> RowsByRange:
    """Return what each range has of each table with a row per learner. Changes after `as_of` are none yet."""
    return {name: _rows_of(name, snapshot[name], as_of, layout, is_hashed=is_hashed) for name in LEARNER_TABLES}


def _rows_of(table: str, rows: pl.DataFrame, as_of: int, layout: Layout, *, is_hashed: bool) -> dict[int, TableRows]:
    index = layout.index_of(pl.col("id" if table == "user" else "userid")).alias("index")
    time = pl.col(CHANGED_AT[table]) if table in CHANGED_AT else pl.lit(None, pl.Int64)
    hashed = row_hashes(table, rows) if is_hashed else pl.lit(0, pl.Int64)
    found = rows.select(index, hashed.alias("hash"), pl.when(time.is_between(0, as_of)).then(time).alias("time"))
    # One pass for all three: grouping is what costs. Beyond 63 bits a sum begins anew.
    by_range = found.group_by("index").agg(pl.len(), pl.col("hash").sum(), pl.col("time").max())
    return {index: TableRows(rows, total % TOTAL_MODULUS, time) for index, rows, total, time in by_range.iter_rows()}


def range_facts(
    snapshot: Snapshot,
    found: RowsByRange,
    expected: pl.DataFrame,
    *,
    as_of: int,
    layout: Layout,
    indexes: Iterable[int],
) -> dict[int, RangeFacts]:
    """Return the facts of the ranges `indexes`, by range index.

    `found` is what the ranges have of `snapshot`, `expected` are the rows that follow from it, with KEY.
    """
    valid_until = next_changes(snapshot, as_of=as_of, layout=layout)
    rows_of: dict[int, dict[int, int]] = defaultdict(dict)
    for index, companyid, rows in companies_by_range(expected, layout):
        rows_of[index][companyid] = rows
    facts = {}
    for index in indexes:
        here = {name: of_range[index] for name, of_range in found.items() if index in of_range}
        facts[index] = RangeFacts(
            rows=rows_of[index],
            rows_read={**dict.fromkeys(LEARNER_TABLES, 0), **{name: each.rows for name, each in here.items()}},
            newest_change=max((each.newest_change for each in here.values() if each.newest_change), default=None),
            valid_until=valid_until.get(index),
        )
    return facts


def companies_by_range(rows: pl.DataFrame, layout: Layout) -> Iterable[tuple[int, int, int]]:
    """Yield (range index, companyid, number of rows) of rows that have KEY."""
    index = layout.index_of(pl.col("userid")).alias("index")
    return rows.select(index, "companyid").group_by("index", "companyid").len().iter_rows()


def range_digests(found: RowsByRange, indexes: Iterable[int]) -> dict[int, str]:
    """Return the digests of the ranges `indexes`, by range index."""
    return {
        index: range_digest({name: of_range[index][:2] for name, of_range in found.items() if index in of_range})
        for index in indexes
    }
