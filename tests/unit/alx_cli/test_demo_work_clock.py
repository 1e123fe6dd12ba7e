"""The rhythm of a working week."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alx_cli.demo.work_clock import DAY_S, HOUR_S, WorkClock

MONDAY = 1_795_392_000  # 2026-11-23 00:00 UTC
CLOCK = WorkClock(start=MONDAY, end=MONDAY + 28 * DAY_S)


def worked_h(*, day: int, hour: int, hours: int = 1, utc_offset_h: int = 0) -> float:
    begin = MONDAY + day * DAY_S + hour * HOUR_S
    offset = np.full(2, utc_offset_h * HOUR_S)
    first, last = CLOCK.worked_h(np.array([begin, begin + hours * HOUR_S]), offset)
    return float(last - first)


@given(st.integers(0, 28 * DAY_S), st.integers(-11, 12))
def test_an_instant_survives_the_way_there_and_back(second: int, utc_offset_h: int) -> None:
    instant, offset = np.array([MONDAY + second]), np.array([utc_offset_h * HOUR_S])
    there = CLOCK.worked_h(instant, offset)
    assert abs(int(CLOCK.instants(there, offset)[0]) - int(instant[0])) <= 1


@given(st.integers(0, 20 * DAY_S), st.integers(1, 7 * DAY_S), st.integers(0, 2**32 - 1))
def test_what_is_drawn_lies_between_its_bounds(start: int, length: int, seed: int) -> None:
    after = np.array([MONDAY + start])
    drawn = CLOCK.draw(
        np.random.default_rng(seed), after=after, before=after + length, utc_offset_s=np.array([9 * HOUR_S])
    )
    assert after[0] <= drawn[0] <= after[0] + length


def test_nights_and_weekends_are_quiet() -> None:
    monday_morning = worked_h(day=0, hour=9)
    assert worked_h(day=0, hour=2) < monday_morning / 20
    assert worked_h(day=5, hour=9) < monday_morning / 10
    assert worked_h(day=6, hour=0, hours=24) < worked_h(day=0, hour=0, hours=24) / 10


def test_the_morning_comes_earlier_in_tokyo() -> None:
    assert worked_h(day=1, hour=0, utc_offset_h=9) == worked_h(day=1, hour=9)
