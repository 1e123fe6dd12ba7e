"""What the sync works out of learner ranges, over snapshots that are one range."""

from typing import Any

import polars as pl

from alx_core.domain.learners import Layout
from alx_core.domain.progress import Snapshot
from alx_core.domain.range_facts import DIGEST, range_facts
from support.builders import NOW, make_snapshot

ONE_RANGE = Layout(width=2**62, count=1)

Digest = tuple[int, ...]
"""The values of DIGEST."""


def facts_of_all(snapshot: Snapshot, *, as_of: int = NOW) -> dict[str, Any]:
    """The RANGE_FACTS of the range that `snapshot` holds."""
    return range_facts(snapshot, as_of=as_of, layout=ONE_RANGE, indexes=[0]).row(0, named=True)


def table_digest(table: str, rows: pl.DataFrame) -> tuple[int, int]:
    """Number of rows, and the sum of their hashes."""
    facts = facts_of_all({**make_snapshot(), table: rows})
    return facts[f"{table}_rows"], facts[f"{table}_total"]


def snapshot_digest(snapshot: Snapshot) -> Digest:
    """The digest of the range that `snapshot` holds."""
    facts = facts_of_all(snapshot)
    return tuple(facts[name] for name in DIGEST)


def digests_by_index(ranges: pl.DataFrame) -> dict[int, Digest]:
    """The digests of a frame of ranges."""
    return {index: tuple(digest) for index, *digest in ranges.select("index", *DIGEST).iter_rows()}


def next_change_at(snapshot: Snapshot, *, as_of: int) -> int | None:
    """The first instant after `as_of` at which time alone changes something."""
    found: int | None = facts_of_all(snapshot, as_of=as_of)["valid_until"]
    return found


def newest_change(snapshot: Snapshot, *, as_of: int) -> int | None:
    """The latest time up to `as_of` at which something happened."""
    found: int | None = facts_of_all(snapshot, as_of=as_of)["newest_change"]
    return found
