"""The quota's day: a local date, also on the days on which the clocks change."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alx_core.domain.quota import WARN_SHARE, resets_at, usage_day

ZONES = [
    "UTC", "Europe/London", "Africa/Cairo", "America/Sao_Paulo", "America/Havana", "America/St_Johns",
    "Asia/Kolkata", "Pacific/Apia", "Pacific/Kiritimati", "Antarctica/Troll", "Asia/Beirut",
]  # fmt: skip


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/London", "2024-03-31", 23),
        ("Europe/London", "2024-10-27", 25),
        ("Europe/London", "2024-11-24", 24),
        ("America/Sao_Paulo", "2018-11-04", 23),  # 00:00 does not exist
        ("America/Sao_Paulo", "2018-02-17", 25),  # 23:00 comes twice
        ("Africa/Cairo", "2024-04-26", 23),  # 00:00 does not exist
        ("Africa/Cairo", "2024-10-31", 25),
        ("America/Havana", "2023-11-05", 25),  # 00:00 comes twice
    ],
)
def test_a_day_on_which_the_clocks_change_is_one_day(zone: str, day: str, hours: int) -> None:
    """Days of the past: governments change those to come."""
    noon = at(f"{day}T12:00", zone)
    end = resets_at(noon, ZoneInfo(zone))
    assert usage_day(end - 1, ZoneInfo(zone)) == day
    assert usage_day(end, ZoneInfo(zone)) > day
    start = end - hours * 3600
    assert usage_day(start, ZoneInfo(zone)) == day
    assert usage_day(start - 1, ZoneInfo(zone)) < day


def test_the_day_begins_at_local_midnight() -> None:
    assert usage_day(at("2026-11-24T18:29:59"), ZoneInfo("Asia/Kolkata")) == "2026-11-24"
    assert usage_day(at("2026-11-24T18:30:00"), ZoneInfo("Asia/Kolkata")) == "2026-11-25"
    assert resets_at(at("2026-11-24T18:29:59"), ZoneInfo("Asia/Kolkata")) == at("2026-11-24T18:30:00")


@given(st.floats(0, 2_500_000_000), st.sampled_from(ZONES))
@example(at("2006-10-29T00:30:00", "America/St_Johns"), "America/St_Johns")
@example(datetime(2006, 10, 29, 2, 50, tzinfo=UTC).timestamp(), "America/St_Johns")  # 23:20, the second time
@example(at("2011-12-29T12:00", "Pacific/Apia"), "Pacific/Apia")  # the 30th was left out
def test_the_quota_resets_ahead_on_another_date_and_never_before_the_day_is_over(now: float, name: str) -> None:
    zone = ZoneInfo(name)
    end = resets_at(now, zone)
    assert now < end <= now + 49 * 3600
    assert date.fromisoformat(usage_day(end, zone)) > date.fromisoformat(usage_day(now, zone))
    assert usage_day((now + end) / 2, zone) == usage_day(now, zone)


def test_the_warning_comes_at_four_fifths() -> None:
    assert WARN_SHARE == 0.8
