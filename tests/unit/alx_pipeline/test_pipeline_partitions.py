"""The hours: keys, blocks, and which hour is over."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.errors import SettingsError
from alx_pipeline.partitions import (
    HOUR,
    HOURLY,
    PARTITION_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    START,
    contiguous,
    hour_of,
    key_of,
    keys_between,
    keys_of_tags,
    newest_complete_hour,
    require_complete,
)

KOLKATA = timezone(timedelta(hours=5, minutes=30))
TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)
FIRST = hour_of(START)

hours = st.integers(0, 80_000).map(lambda count: FIRST + count * HOUR)
instants = st.datetimes(datetime(2026, 1, 2), datetime(2036, 1, 1), timezones=st.sampled_from([UTC, KOLKATA]))  # noqa: DTZ001  # the zone is drawn


# --- keys ---


def test_a_key_names_the_beginning_of_its_hour_in_utc() -> None:
    assert key_of(TEN) == "2026-11-23-10:00"
    assert key_of(datetime(2026, 11, 23, 15, 30, tzinfo=KOLKATA)) == "2026-11-23-10:00"
    assert hour_of("2026-11-23-10:00") == TEN
    assert hour_of("2026-11-23-10:00").tzinfo is UTC


@given(hours)
def test_an_hour_survives_the_way_to_its_key_and_back(hour: datetime) -> None:
    assert hour_of(key_of(hour)) == hour


@given(hours)
def test_dagster_means_the_same_hour_by_a_key(hour: datetime) -> None:
    window = HOURLY.time_window_for_partition_key(key_of(hour))
    assert (window.start, window.end) == (hour, hour + HOUR)


@pytest.mark.parametrize("minute", [0, 5, 59])
def test_dagsters_newest_partition_is_the_newest_complete_hour(minute: int) -> None:
    now = TEN.replace(minute=minute)
    keys = HOURLY.get_partition_keys(current_time=now)
    assert (keys[0], keys[-1]) == (START, key_of(newest_complete_hour(now)))


def test_hours_of_a_clock_change_are_there_like_all_others() -> None:
    """Between 00:00 and 03:00 UTC on 25 October 2026 clocks in Europe are set back."""
    day = datetime(2026, 10, 25, tzinfo=UTC)
    keys = keys_between(day, day + 4 * HOUR)
    assert keys == [f"2026-10-25-0{hour}:00" for hour in range(4)]
    assert HOURLY.get_partition_keys(current_time=day + 4 * HOUR)[-4:] == keys


# --- which hour is over ---


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        (TEN, TEN - HOUR),
        (TEN + timedelta(microseconds=1), TEN - HOUR),
        (TEN + timedelta(minutes=5), TEN - HOUR),
        (TEN + timedelta(minutes=59, seconds=59, microseconds=999_999), TEN - HOUR),
        (TEN + HOUR, TEN),
        (TEN - timedelta(microseconds=1), TEN - 2 * HOUR),
        (datetime(2027, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)),
        (datetime(2026, 11, 23, 15, 29, 59, tzinfo=KOLKATA), TEN - 2 * HOUR),
        (datetime(2026, 11, 23, 15, 30, tzinfo=KOLKATA), TEN - HOUR),
    ],
)
def test_the_newest_complete_hour_is_the_last_one_that_is_over(now: datetime, newest: datetime) -> None:
    assert newest_complete_hour(now) == newest


@given(instants)
def test_the_newest_complete_hour_is_over_and_the_next_one_is_not(now: datetime) -> None:
    newest = newest_complete_hour(now)
    assert newest + HOUR <= now < newest + 2 * HOUR
    assert (newest.minute, newest.second, newest.microsecond) == (0, 0, 0)


def test_without_an_instant_the_newest_complete_hour_is_that_of_this_moment() -> None:
    before = datetime.now(UTC)
    assert newest_complete_hour(before) <= newest_complete_hour() <= newest_complete_hour(datetime.now(UTC))


@given(instants)
def test_the_newest_complete_hour_may_be_asked_for(now: datetime) -> None:
    require_complete(newest_complete_hour(now), now=now)


@pytest.mark.parametrize("ahead", [HOUR, 2 * HOUR, timedelta(days=365)])
@pytest.mark.parametrize("minute", [0, 59])
def test_an_hour_that_is_not_over_is_refused_with_the_newest_that_is(ahead: timedelta, minute: int) -> None:
    now = TEN.replace(minute=minute)
    with pytest.raises(SettingsError, match=r"is not over yet\. The newest complete one is 2026-11-23T09:00"):
        require_complete(newest_complete_hour(now) + ahead, now=now)


def test_an_hour_before_the_first_partition_is_refused_with_the_way_round_it() -> None:
    require_complete(FIRST, now=TEN)
    with pytest.raises(SettingsError, match=r"before 2026-01-01T00:00 UTC are not kept.*--rebuild"):
        require_complete(FIRST - HOUR, now=TEN)


# --- blocks ---


@pytest.mark.parametrize(
    ("hours_later", "expected"),
    [(0, []), (1, ["2026-11-23-23:00"]), (2, ["2026-11-23-23:00", "2026-11-24-00:00"]), (-3, [])],
)
def test_the_keys_between_two_hours_are_without_the_last(hours_later: int, expected: list[str]) -> None:
    start = datetime(2026, 11, 23, 23, tzinfo=UTC)
    assert keys_between(start, start + hours_later * HOUR) == expected


@given(hours, st.integers(0, 100))
def test_keys_between_are_ascending_and_unbroken(start: datetime, count: int) -> None:
    keys = keys_between(start, start + count * HOUR)
    assert [hour_of(key) for key in keys] == [start + index * HOUR for index in range(count)]


def keys_at(*hours_of_the_day: int) -> list[str]:
    return [f"2026-11-23-{hour:02}:00" for hour in hours_of_the_day]


@pytest.mark.parametrize(
    ("present", "blocks"),
    [
        ((), []),
        ((3,), [(3,)]),
        ((3, 4, 5), [(3, 4, 5)]),
        ((3, 5), [(3,), (5,)]),
        ((1, 2, 4, 7, 8, 9), [(1, 2), (4,), (7, 8, 9)]),
    ],
)
def test_keys_are_grouped_where_there_is_no_gap(present: tuple[int, ...], blocks: list[tuple[int, ...]]) -> None:
    assert contiguous(keys_at(*present)) == [keys_at(*block) for block in blocks]


@given(st.sets(st.integers(0, 200)))
def test_blocks_are_unbroken_have_gaps_between_them_and_lose_no_key(present: set[int]) -> None:
    keys = [key_of(TEN + each * HOUR) for each in sorted(present)]
    blocks = contiguous(keys)
    assert [key for block in blocks for key in block] == keys
    for block in blocks:
        assert list(block) == keys_between(hour_of(block[0]), hour_of(block[-1]) + HOUR)
    for before, after in zip(blocks, blocks[1:], strict=False):  # noqa: RUF007  # reads as what it is
        assert hour_of(after[0]) - hour_of(before[-1]) > HOUR


# --- a run's tags ---


def test_a_run_of_one_hour_asks_for_it() -> None:
    assert keys_of_tags({PARTITION_TAG: "2026-11-23-10:00", "dagster/run_key": "x"}) == ["2026-11-23-10:00"]


def test_a_run_of_a_range_asks_for_all_of_it_both_ends_included() -> None:
    assert keys_of_tags({RANGE_START_TAG: "2026-11-23-22:00", RANGE_END_TAG: "2026-11-24-01:00"}) == [
        "2026-11-23-22:00",
        "2026-11-23-23:00",
        "2026-11-24-00:00",
        "2026-11-24-01:00",
    ]


def test_a_run_without_partitions_asks_for_none() -> None:
    assert keys_of_tags({"dagster/run_key": "x"}) == []


@given(hours, st.integers(1, 60))
def test_the_tags_of_a_block_ask_for_the_block(start: datetime, count: int) -> None:
    block = keys_between(start, start + count * HOUR)
    assert keys_of_tags({RANGE_START_TAG: block[0], RANGE_END_TAG: block[-1]}) == block
