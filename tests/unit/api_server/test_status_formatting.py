"""Figures as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_server.status import formatting as say

HOUR = 3600


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1_234_567, "1,234,567"), (None, "–")],  # noqa: RUF001
)
def test_whole_numbers_have_commas(value: int | None, text: str) -> None:
    assert say.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100, "100 %"),
        (99.99, "99.9 %"),
        (98.48, "98.5 %"),
        (50, "50.0 %"),
        (0.04, "< 0.1 %"),
        (0.06, "0.1 %"),
        (0, "0 %"),
        (None, "–"),  # noqa: RUF001
    ],
)
def test_a_share_is_100_percent_only_when_nothing_is_missing(value: float | None, text: str) -> None:
    assert say.percent(value) == text


@given(st.floats(0, 100))
def test_a_share_that_is_not_all_or_nothing_never_reads_as_such(value: float) -> None:
    assert (say.percent(value) == "100 %") == (value == 100)
    assert (say.percent(value) == "0 %") == (value == 0)


@pytest.mark.parametrize(
    ("value_ms", "text"),
    [
        (0.42, "0.4 ms"),
        (4.21, "4.2 ms"),
        (99.6, "100 ms"),
        (120.4, "120 ms"),
        (999.6, "1.00 s"),
        (1_254, "1.25 s"),
        (200_000, "3 min"),
        (None, "–"),  # noqa: RUF001
    ],
)
def test_response_times_have_about_three_digits(value_ms: float | None, text: str) -> None:
    assert say.milliseconds(value_ms) == text


@pytest.mark.parametrize(
    ("value_s", "text"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3 * HOUR + 12 * 60 + 59, "3 h 12 min"),
        (2 * HOUR, "2 h"),
        (52 * HOUR, "2 d 4 h"),
        (24 * HOUR + 59, "1 d"),
    ],
)
def test_durations_have_two_units_and_are_cut_not_rounded(value_s: float, text: str) -> None:
    assert say.duration(value_s) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (999_600, "1.0 MB"), (7e13, "70.0 TB")]
)
def test_sizes_count_in_thousands(value: float, text: str) -> None:
    assert say.size(value) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 companies"), (1, "1 company"), (1_200, "1,200 companies")])
def test_one_is_singular(count: int, text: str) -> None:
    assert say.plural(count, "company", "companies") == text


def test_a_time_carries_the_instant_for_machines_and_the_absolute_time_on_hover() -> None:
    at = 1_795_507_205
    assert say.ago(at, at + 720) == (
        '<time datetime="2026-11-24T08:00:05Z" data-form="ago" title="24 Nov 2026, 08:00:05 UTC">12 min ago</time>'
    )
    assert ">08:00 UTC<" in say.clock(at)
    assert ">24 Nov 08:00 UTC<" in say.stamp(at)


def test_backticks_become_code_and_everything_is_escaped() -> None:
    assert say.code("run `alx <x>` & see") == "run <code>alx &lt;x&gt;</code> &amp; see"
    assert say.code("a lonely ` stays <b>") == "a lonely ` stays &lt;b&gt;"
