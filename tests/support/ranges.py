"""What the sync works out of learner ranges, over snapshots that are one range."""

import polars as pl

from alx_core.domain.learners import Layout
from alx_core.domain.progress import Snapshot, next_changes
from alx_core.domain.range_facts import range_digests, range_facts, rows_by_range
from support.builders import NOW, make_report, make_snapshot

ONE_RANGE = Layout(width=2**62, count=1)


def table_digest(table: str, rows: pl.DataFrame) -> tuple[int, int]:
    """Number of rows, and the sum of their hashes."""
    found = rows_by_range({**make_snapshot(), table: rows}, as_of=NOW, layout=ONE_RANGE)[table].get(0)
    return (found.rows, found.total) if found else (0, 0)


def snapshot_digest(snapshot: Snapshot) -> str:
    """The digest of the range that `snapshot` holds."""
    return range_digests(rows_by_range(snapshot, as_of=NOW, layout=ONE_RANGE), [0])[0]


def next_change_at(snapshot: Snapshot, *, as_of: int) -> int | None:
    """The first instant after `as_of` at which time alone changes something."""
    return next_changes(snapshot, as_of=as_of, layout=ONE_RANGE).get(0)


def newest_change(snapshot: Snapshot, *, as_of: int) -> int | None:
    """The latest time up to `as_of` at which something happened."""
    found = rows_by_range(snapshot, as_of=as_of, layout=ONE_RANGE)
    facts = range_facts(snapshot, found, make_report(), as_of=as_of, layout=ONE_RANGE, indexes=[0])
    return facts[0].newest_change
