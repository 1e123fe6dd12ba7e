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


def is_in(
    learner: ColumnElement[Any], ranges: Sequence[LearnerRange], *, most_lookups: int = MOST_LOOKUPS
) -> ColumnElement[bool]:
    """Return the condition that `learner`, a column of ids, lies in one of `ranges`, ascending and apart.

    An index is asked for each of up to `most_lookups` ranges, at most MOST_LOOKUPS and at least one.
    Ids that can't be right (NULL, negative) count to a range that begins with 0, so that they are refused there.
    Many ranges become one list of numbers, in which a database finds a learner's by hash or bisection: that of the id
    shifted by the largest power of two which divides all bounds, which is the width of a layout's ranges.
    """
    if len(ranges) <= max(1, min(MOST_LOOKUPS, most_lookups)):
        return or_(*(_is_between(learner, each) for each in ranges))
    shift = _common_shift(ranges)
    closed = [each for each in ranges if each.last != MAX_ID]
    numbers = [number for each in closed for number in range(each.first >> shift, (each.last >> shift) + 1)]
    is_listed = cast(learner, BigInteger).bitwise_rshift(literal(shift, Integer)).in_(numbers)
    outer = [each for each in (ranges[0], ranges[-1]) if each.first == 0 or each.last == MAX_ID]
    return and_(is_within(learner, ranges), or_(is_listed, *(_is_between(learner, each) for each in outer)))


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
