"""The unit of work of a sync: a range of learner ids, so that memory is bounded whatever the site's size."""

from collections.abc import Sequence
from dataclasses import dataclass

MAX_ID = 2**63 - 1
MIN_WIDTH = 256
MAX_WIDTH = 2**62
"""The widest that 63 bits hold: a range number is worked out by dividing an id by it, here and in the database."""


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
    """

    width: int
    count: int

    def range_at(self, index: int) -> LearnerRange:
        """Return the range with this index, 0 to count - 1."""
        first = index * self.width
        return LearnerRange(first, MAX_ID if index == self.count - 1 else first + self.width - 1)

    def bands(self, indexes: Sequence[int], *, size: int) -> list[Sequence[int]]:
        """Cut ascending range indexes into runs of at most `size`."""
        return [indexes[start : start + size] for start in range(0, len(indexes), size)]


def layout_for(*, learners: int, last_id: int, rows: int, rows_per_range: int) -> Layout:
    """Choose a layout so that a range holds about `rows_per_range` of `rows` completion rows.

    The width is a power of two: it stays the same while a site grows slowly.
    """
    learners_wanted = max(1, rows_per_range * max(1, learners) // max(1, rows))
    ids_wanted = learners_wanted * max(1, last_id) // max(1, learners)
    width = min(max(MIN_WIDTH, 1 << (max(1, ids_wanted).bit_length() - 1)), MAX_WIDTH)
    return Layout(width=width, count=max(0, last_id) // width + 1)


def merged(ranges: Sequence[LearnerRange]) -> list[LearnerRange]:
    """Join neighbours among ascending ranges."""
    joined: list[LearnerRange] = []
    for each in ranges:
        if joined and joined[-1].last + 1 == each.first:
            joined[-1] = LearnerRange(joined[-1].first, each.last)
        else:
            joined.append(each)
    return joined
