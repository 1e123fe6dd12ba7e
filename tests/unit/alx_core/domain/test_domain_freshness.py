"""When the table counts as stale, and when the next sync is due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.domain.freshness import HOUR_S, OVERDUE_AFTER_S, Freshness, SyncHealth, is_overdue, judge, next_sync_at
from support.builders import NOW

HOUR = NOW - NOW % HOUR_S
STALE_AFTER_S = 2 * HOUR_S
instants = st.integers(0, 10**10)


def health(last_success_at: int | None, *, now: int = NOW) -> SyncHealth:
    return judge(
        now=now,
        last_success_at=last_success_at,
        covered_until=None if last_success_at is None else HOUR,
        running_since=NOW - 5,
        stale_after_s=STALE_AFTER_S,
    )


def test_a_table_that_was_never_synced_is_neither_fresh_nor_stale() -> None:
    found = health(None)
    assert (found.freshness, found.age_s) == (Freshness.NEVER, None)


@pytest.mark.parametrize(
    ("age_s", "freshness"),
    [
        (0, Freshness.FRESH),
        (STALE_AFTER_S, Freshness.FRESH),
        (STALE_AFTER_S + 1, Freshness.STALE),
        (-60, Freshness.FRESH),  # the clock was set back
    ],
)
def test_a_table_is_stale_when_its_last_success_is_longer_ago_than_the_limit(age_s: int, freshness: Freshness) -> None:
    found = health(NOW - age_s)
    assert (found.freshness, found.age_s) == (freshness, max(0, age_s))


def test_what_the_books_say_is_handed_on() -> None:
    found = health(NOW - 60)
    assert (found.now, found.last_success_at, found.covered_until, found.running_since) == (
        NOW,
        NOW - 60,
        HOUR,
        NOW - 5,
    )
    assert found.next_sync_at == next_sync_at(NOW)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (HOUR, HOUR + 300),
        (HOUR + 299, HOUR + 300),
        (HOUR + 300, HOUR + 3900),
        (HOUR + 3599, HOUR + 3900),
    ],
)
def test_the_next_sync_is_five_past_the_hour_and_never_now(now: int, expected: int) -> None:
    assert next_sync_at(now) == expected


@pytest.mark.parametrize(
    ("late_s", "running_since", "expected"),
    [
        (-1, None, False),
        (OVERDUE_AFTER_S, None, False),
        (OVERDUE_AFTER_S + 1, None, True),
        (OVERDUE_AFTER_S + 1, NOW - 5, False),  # it came, or another one keeps it waiting
    ],
)
def test_a_sync_is_overdue_when_ten_minutes_after_its_time_none_is_running(
    late_s: int, running_since: int | None, expected: bool
) -> None:
    assert is_overdue(NOW - late_s, running_since=running_since, now=NOW) is expected


@given(instants)
def test_the_next_sync_is_within_the_hour_at_minute_five(now: int) -> None:
    due = next_sync_at(now)
    assert now < due <= now + HOUR_S
    assert due % HOUR_S == 300


@given(instants, st.integers(0, 10 * HOUR_S), st.integers(0, 10 * HOUR_S))
def test_a_stale_table_gets_no_fresher_by_waiting(last: int, age_s: int, waited_s: int) -> None:
    if health(last, now=last + age_s).freshness is Freshness.STALE:
        assert health(last, now=last + age_s + waited_s).freshness is Freshness.STALE
