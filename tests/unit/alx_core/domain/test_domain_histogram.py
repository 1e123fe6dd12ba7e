"""The histogram: percentiles within 3 % of the exact ones, whatever the times, and merging as if counted together."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.domain.histogram import BOUNDS_MS, BUCKETS, GROWTH, LOWEST_MS, Histogram, bucket_of, middle_ms
from support.histograms import histogram_of

TOLERANCE = 0.03
times = st.floats(min_value=LOWEST_MS, max_value=BOUNDS_MS[-1], exclude_max=True)
lists_of_times = st.lists(times, min_size=1, max_size=300)
percents = st.sampled_from([1, 25, 50, 90, 95, 99, 99.9, 100])


def exact_percentile(values: list[float], percent: float) -> float:
    """Nearest rank, as PostgreSQL's percentile_disc."""
    return sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]


@given(lists_of_times, percents)
def test_a_percentile_lies_within_three_percent_of_the_exact_one(values: list[float], percent: float) -> None:
    found = histogram_of(values).percentile_ms(percent, max_ms=max(values))
    assert found == pytest.approx(exact_percentile(values, percent), rel=TOLERANCE)


@given(lists_of_times)
def test_no_percentile_lies_above_the_longest_time(values: list[float]) -> None:
    assert histogram_of(values).percentile_ms(100, max_ms=max(values)) <= max(values)


@given(lists_of_times)
def test_percentiles_rise(values: list[float]) -> None:
    histogram = histogram_of(values)
    found = [histogram.percentile_ms(percent) for percent in (1, 50, 95, 99, 100)]
    assert found == sorted(found)


@given(st.lists(st.lists(times, max_size=50), max_size=6))
def test_merging_is_counting_all_times_together(parts: list[list[float]]) -> None:
    merged = Histogram.merge(map(histogram_of, parts))
    assert merged == histogram_of(value for part in parts for value in part)
    assert merged.calls == sum(map(len, parts))


@given(st.lists(st.floats(min_value=0, max_value=1e12), max_size=50))
def test_what_is_dumped_is_parsed_to_the_same_and_dumped_the_same_again(values: list[float]) -> None:
    histogram = histogram_of(values)
    assert Histogram.parse(histogram.dump()) == histogram
    assert histogram_of(reversed(values)).dump() == histogram.dump()


@given(times)
def test_a_time_lies_in_its_bucket(value: float) -> None:
    bucket = bucket_of(value)
    assert BOUNDS_MS[bucket - 1] <= value < BOUNDS_MS[bucket]
    assert middle_ms(bucket) == pytest.approx(value, rel=TOLERANCE)


@pytest.mark.parametrize("power", [0, 1, 100, BUCKETS - 2])
def test_a_bound_belongs_to_the_bucket_above_it(power: int) -> None:
    bound = BOUNDS_MS[power]
    assert bucket_of(bound) == power + 1
    assert bucket_of(math.nextafter(bound, 0)) == power


def test_the_bounds_rise_by_five_percent() -> None:
    assert all(upper / lower == pytest.approx(GROWTH) for lower, upper in pairwise(BOUNDS_MS))


def test_zero_and_less_than_a_hundredth_of_a_millisecond_count_as_nothing() -> None:
    assert histogram_of([0.0, 0.0099]) == Histogram({0: 2})
    assert histogram_of([0.0]).percentile_ms(99) == 0.0


def test_huge_times_fall_into_the_last_bucket() -> None:
    histogram = histogram_of([BOUNDS_MS[-1], 1e300, math.inf])
    assert histogram == Histogram({BUCKETS: 3})
    assert histogram.percentile_ms(50) == BOUNDS_MS[-1] > 39 * 3_600_000


def test_nothing_has_no_calls_and_percentiles_of_zero() -> None:
    assert Histogram().calls == 0
    assert Histogram().percentile_ms(95) == 0.0


def test_one_slow_call_of_a_hundred_is_beyond_p99_and_is_p100() -> None:
    histogram = histogram_of([10.0] * 99 + [5_000.0])
    assert histogram.percentile_ms(99) == pytest.approx(10, rel=TOLERANCE)
    assert histogram.percentile_ms(100) == pytest.approx(5_000, rel=TOLERANCE)
