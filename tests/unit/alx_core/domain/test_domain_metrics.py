"""Figures of an hour: putting traffic together, and rates that exist only where something was asked."""

from typing import Any

import pytest

from alx_core.domain.metrics import Traffic
from support.histograms import histogram_of


def make_traffic(**overrides: Any) -> Traffic:
    """Ten calls of ten milliseconds that succeeded, none of them from the cache."""
    values: dict[str, Any] = {
        "calls": 10, "rows": 1_000, "bytes": 20_000, "charged": 10, "total_us": 100_000, "max_ms": 10.0,
        "histogram": histogram_of([10.0] * 10),
    }  # fmt: skip
    return Traffic(**{**values, **overrides})


def test_traffic_that_is_put_together_is_that_of_all_calls() -> None:
    slow = make_traffic(calls=1, total_us=500_000, max_ms=500.0, histogram=histogram_of([500.0]), cache_hits=1)
    refused = make_traffic(rows=0, errors_by_code={"ratelimitexceeded": 9, "invalidparameter": 1}, charged=0)
    whole = Traffic.merge([make_traffic(), slow, refused, make_traffic(errors_by_code={"ratelimitexceeded": 1})])
    assert (whole.calls, whole.successes, whole.errors, whole.quota_refusals) == (31, 20, 11, 10)
    assert whole.errors_by_code == {"invalidparameter": 1, "ratelimitexceeded": 10}
    assert (whole.rows, whole.bytes, whole.charged, whole.cache_hits) == (3_000, 80_000, 30, 1)
    assert whole.histogram == histogram_of([10.0] * 30 + [500.0])
    assert (whole.mean_ms, whole.max_ms) == (pytest.approx(800 / 31), 500.0)
    assert whole.percentile_ms(50) == pytest.approx(10, rel=0.03)
    assert whole.success_pct == pytest.approx(100 * 20 / 31)


def test_nothing_has_neither_rates_nor_times() -> None:
    nothing = Traffic.merge([])
    assert nothing == Traffic()
    assert (nothing.success_pct, nothing.cache_hit_pct) == (None, None)
    assert (nothing.mean_ms, nothing.percentile_ms(95), nothing.max_ms) == (0.0, 0.0, 0.0)


def test_a_refused_call_does_not_count_against_the_cache() -> None:
    traffic = make_traffic(cache_hits=2, errors_by_code={"invalidparameter": 8})
    assert traffic.cache_hit_pct == 100.0


def test_where_all_calls_were_refused_there_is_no_cache_hit_rate() -> None:
    assert make_traffic(errors_by_code={"invalidparameter": 10}).cache_hit_pct is None
