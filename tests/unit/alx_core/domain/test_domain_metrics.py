"""Figures of an hour: folding groups, putting traffic together, and rates that exist only where something was asked."""

from typing import Any

import pytest

from alx_core.domain.histogram import Histogram, bucket_of
from alx_core.domain.metrics import Group, Traffic, fold


def make_group(**overrides: Any) -> Group:
    values: dict[str, Any] = {
        "hour": 3600, "companyid": 1, "outcome": "ok", "bucket": bucket_of(10), "calls": 1, "cache_hits": 0,
        "replays": 0, "rows": 100, "bytes": 1_000, "charged": 1, "failed_auth": 0, "total_us": 10_000, "max_ms": 10.0,
    }  # fmt: skip
    return Group(**{**values, **overrides})


def test_groups_of_an_hour_and_company_become_one() -> None:
    groups = [
        make_group(calls=3, total_us=30_000, cache_hits=2),
        make_group(bucket=bucket_of(50), total_us=50_000, max_ms=50.0),
        make_group(outcome="ratelimitexceeded", calls=2, rows=0, charged=0),
    ]
    (found,) = fold(groups, {(3600, 1): 2})
    assert (found.hour, found.companyid, found.addresses) == (3600, 1, 2)
    traffic = found.traffic
    assert (traffic.calls, traffic.successes, traffic.errors, traffic.quota_refusals) == (6, 4, 2, 2)
    assert traffic.errors_by_code == {"ratelimitexceeded": 2}
    assert traffic.histogram == Histogram({bucket_of(10): 5, bucket_of(50): 1})
    assert traffic.mean_ms == pytest.approx(90_000 / 1000 / 6)
    assert traffic.max_ms == 50.0
    assert traffic.cache_hit_pct == 50.0
    assert traffic.success_pct == pytest.approx(100 * 4 / 6)


def test_hours_and_companies_stay_apart_in_their_order() -> None:
    groups = [make_group(hour=hour, companyid=company) for hour in (7200, 3600) for company in (2, 0)]
    assert [(each.hour, each.companyid) for each in fold(groups, {})] == [(3600, 0), (3600, 2), (7200, 0), (7200, 2)]


def test_nothing_has_neither_rates_nor_times() -> None:
    nothing = Traffic.merge([])
    assert nothing == Traffic()
    assert (nothing.success_pct, nothing.cache_hit_pct) == (None, None)
    assert (nothing.mean_ms, nothing.percentile_ms(95), nothing.max_ms) == (0.0, 0.0, 0.0)


def test_a_refused_call_does_not_count_against_the_cache() -> None:
    groups = [make_group(calls=2, cache_hits=2), make_group(outcome="invalidparameter", calls=8)]
    (found,) = fold(groups, {})
    assert found.traffic.cache_hit_pct == 100.0


def test_traffic_that_is_put_together_is_that_of_all_calls() -> None:
    groups = [make_group(companyid=company, calls=company, max_ms=float(company)) for company in (1, 2, 3)]
    whole = Traffic.merge(each.traffic for each in fold(groups, {}))
    assert (whole.calls, whole.max_ms, whole.histogram.calls) == (6, 3.0, 6)
