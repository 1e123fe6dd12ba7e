"""Times as PHP writes them, in every zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import assume, example, given
from hypothesis import strategies as st

from api_server.local_times import local_times

ZONES = sorted(available_timezones())
SINCE_1972 = 63_072_000 + 31_536_000
UNTIL_2100 = 4_102_444_800


@given(st.integers(SINCE_1972, UNTIL_2100), st.sampled_from(ZONES))
@example(1792918799, "Europe/London")  # 2026-10-25T01:59:59 in summer, an hour before the clocks go back
@example(1792922399, "Europe/London")  # the same wall clock again, in winter
@example(1774745999, "Europe/London")
@example(1774746000, "Europe/London")
@example(1790000000, "Australia/Lord_Howe")
@example(1790000000, "Asia/Kathmandu")
def test_a_time_is_what_the_standard_library_says(epoch_s: int, name: str) -> None:
    zone = ZoneInfo(name)
    assert local_times([epoch_s], zone) == [datetime.fromtimestamp(epoch_s, zone).strftime("%Y-%m-%d %H:%M:%S")]


@given(
    st.integers(-2_000_000_000, SINCE_1972),
    st.sampled_from(["UTC", "Europe/Berlin", "Africa/Monrovia", "Asia/Kolkata"]),
)
def test_before_1972_too_but_for_the_quarters_in_which_clocks_were_changed(epoch_s: int, name: str) -> None:
    zone = ZoneInfo(name)
    ends = [datetime.fromtimestamp(epoch_s // 900 * 900 + second, zone).utcoffset() for second in (0, 899)]
    assume(epoch_s and ends[0] == ends[1])
    assert local_times([epoch_s], zone) == [datetime.fromtimestamp(epoch_s, zone).strftime("%Y-%m-%d %H:%M:%S")]


def test_no_time_is_the_empty_text_and_the_order_stays() -> None:
    assert local_times([0, 1, 0, 86_400], ZoneInfo("UTC")) == ["", "1970-01-01 00:00:01", "", "1970-01-02 00:00:00"]


def test_the_last_second_that_the_sync_lets_in_can_be_written_in_any_zone_west_of_it() -> None:
    last = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
    assert local_times([last], ZoneInfo("UTC")) == ["9999-12-31 23:59:59"]
    assert local_times([last], ZoneInfo("America/New_York")) == ["9999-12-31 18:59:59"]
    assert local_times([last], ZoneInfo("Asia/Tokyo")) == ["9999-12-31 23:59:59"]
