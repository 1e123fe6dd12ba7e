"""The condition that a learner is in one of some ranges, as a database answers it fast."""

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, and_, cast, literal, or_

from alx_core.domain.learners import MAX_ID, LearnerRange

MOST_LOOKUPS = 64
"""Ranges up to which the key's index is asked for each of them. An index that is asked hundreds of times, or a row that
is compared with hundreds of bounds, takes longer than a pass over the table: 22 s instead of 2 were measured."""
MOST_IDS = 16_384
"""Ids that are named one by one at most; a statement takes 32,766 values on SQLite."""
NAMED_SHARE = 1 / 16
"""Share of all ids up to which an index finds those that are named sooner than a pass over the table does: break-even
is at a tenth on PostgreSQL and MariaDB, and at a sixtieth the index takes half and a quarter of the time."""


def is_in(
    learner: ColumnElement[Any],
    ranges: Sequence[LearnerRange],
    *,
    most_lookups: int = MOST_LOOKUPS,
    is_indexed: bool = False,
) -> ColumnElement[bool]:
    """Return the condition that `learner`, a column of ids, lies in one of `ranges`, ascending and apart.

    A key that begins elsewhere is asked for each of up to `most_lookups` ranges, at most MOST_LOOKUPS and at least one.
    Where an index begins with the column (`is_indexed`), it is asked for each id of more ranges, if they are few beside
    all ids from the first range to the last. Ids that can't be right (NULL, negative) count to a range that begins with
    0, so that they are refused there. Many ranges become one list of numbers, in which a database finds a learner's by
    hash or bisection: that of the id shifted by the largest power of two which divides all bounds, which is the width
    of a layout's ranges.
    """
    if len(ranges) <= max(1, min(MOST_LOOKUPS, most_lookups)):
        return or_(*(_is_between(learner, each) for each in ranges))
    closed = [each for each in ranges if each.last != MAX_ID]
    outer = [_is_between(learner, each) for each in (ranges[0], ranges[-1]) if each.first == 0 or each.last == MAX_ID]
    ids = sum(each.last - each.first + 1 for each in closed)
    if is_indexed and ids <= min(MOST_IDS, NAMED_SHARE * (ranges[-1].first - ranges[0].first)):
        return or_(learner.in_(_numbers(closed, shift=0)), *outer)
    shift = _common_shift(ranges)
    is_listed = cast(learner, BigInteger).bitwise_rshift(literal(shift, Integer)).in_(_numbers(closed, shift=shift))
    return and_(is_within(learner, ranges), or_(is_listed, *outer))


def _numbers(ranges: Sequence[LearnerRange], *, shift: int) -> list[int]:
    return [number for each in ranges for number in range(each.first >> shift, (each.last >> shift) + 1)]


def is_within(learner: ColumnElement[Any], ranges: Sequence[LearnerRange]) -> ColumnElement[bool]:
    """Return the condition that `learner` lies between the first and the last of `ranges`: what an index can serve."""
    return _is_between(learner, LearnerRange(ranges[0].first, ranges[-1].last))


def _is_between(learner: ColumnElement[Any], each: LearnerRange) -> ColumnElement[bool]:
    if each.first != 0:
        return learner.between(each.first, each.last)
    may_be_null = getattr(learner, "nullable", True)  # Moodle's columns don't say
    return or_(learner <= each.last, learner.is_(None)) if may_be_null else learner <= each.last


def _common_shift(ranges: Sequence[LearnerRange]) -> int:
    bounds = [bound for each in ranges for bound in (each.first, each.last + 1)]
    divisor = reduce(math.gcd, bounds)
    return (divisor & -divisor).bit_length() - 1
