"""Learner ids cut into ranges, to tell what changed, and ranges put together to bands, to work on.

The narrower a range, the less is read again for one learner's change; the larger a band, the less each of them costs
beside its rows. So ranges are narrow, and a band holds as many as memory allows, neighbours or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

MAX_ID = 2**63 - 1
WIDTH = 16
"""Ids of a range: where one learner in a hundred changes, six ranges in seven stay as they were. With half as many ids
hardly more would, and an hour without change takes a tenth longer."""
MAX_RANGES = 16_384
"""With more, ranges become wider: a database takes the longer to work digests out, the more there are."""


@dataclass(frozen=True, slots=True, order=True)
class LearnerRange:
    """Learners with `first <= user.id <= last`, both included."""

    first: int
    last: int


EVERYBODY = LearnerRange(0, MAX_ID)


@dataclass(frozen=True, slots=True)
class Layout:
    """How all learner ids are cut into ranges: `count` ranges of `width` ids each; the last one has no end.

    The same ids lie in the same range from run to run, so that a digest of a range can be compared with the last one.
    `per_band` ranges are worked on at a time.
    """

    width: int
    count: int
    per_band: int = 1

    def range_at(self, index: int) -> LearnerRange:
        """Return the range with this index, 0 to count - 1."""
        first = index * self.width
        return LearnerRange(first, MAX_ID if index == self.count - 1 else first + self.width - 1)

    def ranges(self) -> pl.DataFrame:
        """Return all ranges: `index`, `first_userid` and `last_userid`."""
        index = pl.int_range(self.count, dtype=pl.Int64)
        first = index * self.width
        last = pl.when(index == self.count - 1).then(MAX_ID).otherwise(first + self.width - 1)
        return pl.select(index=index, first_userid=first, last_userid=last)

    def index_at(self, number: int | None) -> int:
        """Return the index of the range of the ids that, divided by `width`, give `number`, as `index_of` has it."""
        return min(max(number or 0, 0), self.count - 1)

    def indexes_at(self, number: pl.Expr) -> pl.Expr:
        """Return `index_at` of a column of numbers."""
        return number.fill_null(0).clip(0, self.count - 1)

    def index_of(self, learner: pl.Expr) -> pl.Expr:
        """Return the index of the range of a learner id.

        One that can't be read (null, negative) goes to the first range, whose inspection refuses it.
        """
        return self.indexes_at(learner // self.width)


def layout_for(*, last_id: int, rows: int, rows_per_band: int) -> Layout:
    """Choose a layout for ids up to `last_id`, whose bands hold about `rows_per_band` of `rows` completion rows.

    The width is a power of two: it stays the same until a site has twice as many ids, or longer.
    """
    last_id = max(0, last_id)
    width = max(WIDTH, 1 << (last_id // MAX_RANGES).bit_length())
    count = last_id // width + 1
    return Layout(width, count, per_band=min(count, max(1, rows_per_band * count // max(1, rows))))


def runs(indexes: Sequence[int], *, size: int) -> list[Sequence[int]]:
    """Cut ascending range indexes into runs of at most `size`."""
    return [indexes[start : start + size] for start in range(0, len(indexes), size)]


def merged(ranges: Sequence[LearnerRange]) -> list[LearnerRange]:
    """Join neighbours among ascending ranges."""
    joined: list[LearnerRange] = []
    for each in ranges:
        if joined and joined[-1].last + 1 == each.first:
            joined[-1] = LearnerRange(joined[-1].first, each.last)
        else:
            joined.append(each)
    return joined
