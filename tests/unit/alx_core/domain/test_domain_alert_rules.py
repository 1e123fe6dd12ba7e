"""Every alert at its threshold: on either side of it, and on it; and what each one says."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from alx_core.domain.alerts import AlertName, Judgement, Observation, Severity
from alx_core.domain.api_alerts import judge_api_hour
from alx_core.domain.api_hours import ApiLimits, CompanyHour
from alx_core.domain.freshness import SyncHealth, judge
from alx_core.domain.metrics import Traffic
from alx_core.domain.security_alerts import QuotaUse, Refusals, judge_quotas, judge_refusals, judge_unusual
from alx_core.domain.sync_alerts import (
    RunErrors,
    SyncFailure,
    SyncSuccess,
    judge_error_rate,
    judge_failure,
    judge_staleness,
)
from alx_core.domain.unusual import Finding, UnusualKind

NOW = 1_800_000_000
HOUR = NOW - NOW % 3600 - 3600
DAGIT = "http://dagit"
PUBLIC = "http://api"
LIMITS = ApiLimits(slow_ms=5000, success_pct=95, cache_hit_pct=70, min_calls=20)


def make_traffic(**overrides: Any) -> Traffic:
    """A hundred quick successes out of the cache. `mean_ms` sets how long they took."""
    values = {"calls": 100, "cache_hits": 100, "mean_ms": 10, **overrides}
    mean_ms = values.pop("mean_ms")
    return Traffic(**values, total_us=round(mean_ms * 1000 * values["calls"]), max_ms=mean_ms)


def make_hour(traffic: Traffic, **overrides: Any) -> CompanyHour:
    return replace(CompanyHour(3, "acme", traffic, LIMITS), **overrides)


def judge_hour(*companies: CompanyHour) -> Judgement:
    return judge_api_hour(HOUR, companies, limits=LIMITS, public=PUBLIC)


def health(age_s: int) -> SyncHealth:
    return judge(
        now=NOW, last_success_at=NOW - age_s, covered_until=NOW - age_s, running_since=None, stale_after_s=7200
    )


def slow(mean_ms: float) -> Judgement:
    return judge_hour(make_hour(make_traffic(mean_ms=mean_ms)))


def failing(successes: int) -> Judgement:
    return judge_hour(make_hour(make_traffic(cache_hits=successes, errors_by_code={"oops": 100 - successes})))


def cold(hits: int) -> Judgement:
    return judge_hour(make_hour(make_traffic(cache_hits=hits)))


def stale(age_s: int) -> Judgement:
    return judge_staleness(health(age_s), first_try_at=None, stale_after_s=7200, dagster=DAGIT)


def never_synced(since_first_try_s: int) -> Judgement:
    never = judge(now=NOW, last_success_at=None, covered_until=None, running_since=None, stale_after_s=7200)
    return judge_staleness(never, first_try_at=NOW - since_first_try_s, stale_after_s=7200, dagster=DAGIT)


def bad_records(errors: int) -> Judgement:
    return judge_error_rate(RunErrors(1000, errors), limit_pct=5, dagster=DAGIT)


def failed(after_success_s: int) -> Judgement:
    success = SyncSuccess(1, NOW - after_success_s)
    failures = [SyncFailure(NOW, "boom")]
    return judge_failure(failures, success=success, incident=None, companies=["acme", "beta"], dagster=DAGIT, now=NOW)


def quota(calls: int) -> Judgement:
    return judge_quotas([QuotaUse(3, "acme", calls, 100)], resets_at="midnight", public=PUBLIC)


def refused(failures: int) -> Judgement:
    return judge_refusals([Refusals("address", "192.0.2.1", failures)], limit=10, public=PUBLIC)


@pytest.mark.parametrize(
    ("alert", "look", "well", "boundary", "bad", "boundary_is_bad"),
    [
        (AlertName.SYNC_FAILED, failed, -1, 0, 1, False),
        (AlertName.SYNC_STALE, stale, 7199, 7200, 7201, False),
        (AlertName.SYNC_ERROR_RATE, bad_records, 49, 50, 51, False),
        (AlertName.API_SLOW, slow, 4999.9, 5000, 5000.1, False),
        (AlertName.API_SUCCESS_RATE, failing, 96, 95, 94, False),
        (AlertName.API_CACHE_HIT_RATE, cold, 71, 70, 69, False),
        (AlertName.RATE_LIMIT_EXCEEDED, quota, 79, 80, 81, True),
        (AlertName.FAILED_AUTH, refused, 9, 10, 11, True),
    ],
)
def test_an_alert_is_raised_on_one_side_of_its_threshold_and_not_on_the_other(
    alert: AlertName,
    look: Callable[[float], Judgement],
    well: float,
    boundary: float,
    bad: float,
    boundary_is_bad: bool,
) -> None:
    def is_bad(figure: float) -> bool:
        return alert in {each.alert for each in look(figure).bad}

    assert (is_bad(well), is_bad(boundary), is_bad(bad)) == (False, boundary_is_bad, True)


def test_every_alert_is_judged_at_its_threshold_above_or_by_what_was_found() -> None:
    looks = [failed(1), stale(7201), bad_records(51), slow(9999), failing(0), cold(0), quota(100), refused(10)]
    unusual = judge_unusual([Finding(UnusualKind.NEW_ADDRESS, 3, 5, "192.0.2.1", {})], shortnames={}, public=PUBLIC)
    raised = {each.alert for look in [*looks, unusual] for each in look.bad}
    assert raised == set(AlertName) - {AlertName.TEST}


def every_observation() -> list[Observation]:
    found = [
        Finding(UnusualKind.VOLUME, 3, None, None, {"calls": 1000, "usual": 10.0}),
        Finding(UnusualKind.NEW_ADDRESS, 3, 5, "192.0.2.1", {"first_at": NOW}),
        Finding(UnusualKind.TRUNCATED_READER, 3, 5, "192.0.2.1", {"rows": 100, "table_rows": 500}),
    ]
    looks = [
        failed(1),
        stale(7201),
        bad_records(51),
        slow(9999),
        failing(0),
        cold(0),
        quota(80),
        quota(100),
        refused(9999),
    ]
    unusual = judge_unusual(found, shortnames={3: "acme"}, public=PUBLIC)
    return [each for look in [*looks, unusual] for each in look.bad]


@pytest.mark.parametrize("seen", every_observation(), ids=lambda each: f"{each.alert}-{each.subject}")
def test_an_alert_says_what_it_is_what_to_do_and_where_to_look(seen: Observation) -> None:
    assert 5 < len(seen.title) < 100
    assert len(seen.message) > 20
    assert len(seen.recommendation) > 20
    assert seen.link.startswith((DAGIT, PUBLIC))
    assert seen.details


# --- the sync ---


@pytest.mark.parametrize(("since_s", "is_bad"), [(7199, False), (7200, False), (7201, True)])
def test_an_installation_that_never_synced_is_stale_two_hours_after_its_first_try(since_s: int, is_bad: bool) -> None:
    assert bool(never_synced(since_s).bad) is is_bad


def test_an_installation_that_never_synced_is_not_said_to_show_what_moodle_said() -> None:
    """It shows nothing, or what a rebuild made of the table at whatever time."""
    (told,) = never_synced(9_000).bad
    assert told.message == "No hour was ever synced; the first try was 2.5 hours ago."
    (told,) = stale(9_000).bad
    assert told.message == "The newest hour is missing: reports show what Moodle said 2.5 hours ago."


def test_before_the_first_try_freshness_is_not_judged() -> None:
    never = judge(now=NOW, last_success_at=None, covered_until=None, running_since=None, stale_after_s=7200)
    look = judge_staleness(never, first_try_at=None, stale_after_s=7200, dagster=DAGIT)
    assert not look.bad
    assert not look.is_well((AlertName.SYNC_STALE, ""))


@pytest.mark.parametrize("run", [None, RunErrors(0, 0)])
def test_a_sync_that_judged_nothing_says_nothing_of_bad_records(run: RunErrors | None) -> None:
    look = judge_error_rate(run, limit_pct=5, dagster=DAGIT)
    assert not look.bad
    assert not look.is_well((AlertName.SYNC_ERROR_RATE, ""))


# --- the API ---

TERRIBLE = make_traffic(calls=19, cache_hits=0, mean_ms=60_000, errors_by_code={"oops": 19})


def test_an_hour_with_few_calls_is_not_judged_however_terrible() -> None:
    look = judge_hour(make_hour(TERRIBLE))
    assert not look.bad
    assert not look.is_well((AlertName.API_SLOW, "acme"))


def test_an_hour_with_enough_calls_is_judged() -> None:
    look = judge_hour(make_hour(replace(TERRIBLE, calls=20, errors_by_code={"oops": 20}, total_us=20 * 60_000_000)))
    assert {each.alert for each in look.bad} == {AlertName.API_SLOW, AlertName.API_SUCCESS_RATE}


def test_companies_with_few_calls_each_are_judged_together() -> None:
    look = judge_hour(make_hour(TERRIBLE), make_hour(TERRIBLE, companyid=4, shortname="beta"))
    assert {each.key for each in look.bad} == {(AlertName.API_SLOW, ""), (AlertName.API_SUCCESS_RATE, "")}


def test_a_company_that_is_bad_does_not_make_the_others_bad() -> None:
    bad = make_hour(make_traffic(mean_ms=9000))
    look = judge_hour(bad, make_hour(make_traffic(), companyid=4, shortname="beta"))
    assert [each.subject for each in look.bad] == ["acme"]
    assert look.is_well((AlertName.API_SLOW, "beta"))


def test_a_company_without_cache_is_not_judged_by_it() -> None:
    look = judge_hour(make_hour(make_traffic(cache_hits=0), is_cached=False))
    assert not look.bad


def test_refused_calls_never_ask_the_cache() -> None:
    """Eighty calls were refused; of the twenty answers all came from the cache."""
    look = judge_hour(make_hour(make_traffic(cache_hits=20, errors_by_code={"ratelimitexceeded": 80})))
    assert [each.alert for each in look.bad] == [AlertName.API_SUCCESS_RATE]
    assert "ratelimitexceeded 80 times" in look.bad[0].message


def test_a_company_has_limits_of_its_own() -> None:
    patient = replace(LIMITS, slow_ms=60_000)
    assert not judge_hour(make_hour(make_traffic(mean_ms=9000), limits=patient)).bad


# --- who calls ---


@pytest.mark.parametrize(
    ("calls", "severity"), [(80, Severity.WARNING), (99, Severity.WARNING), (100, Severity.CRITICAL)]
)
def test_a_quota_warns_from_80_percent_and_is_critical_when_used_up(calls: int, severity: Severity) -> None:
    (seen,) = quota(calls).bad
    assert (seen.severity, seen.subject, seen.companyid) == (severity, "acme", 3)


def test_an_unlimited_quota_never_runs_out() -> None:
    assert not judge_quotas([QuotaUse(3, "acme", 10**9, 0)], resets_at="midnight", public=PUBLIC).bad


@pytest.mark.parametrize(("failures", "severity"), [(99, Severity.WARNING), (100, Severity.CRITICAL)])
def test_ten_times_the_limit_of_refused_keys_is_an_attack(failures: int, severity: Severity) -> None:
    assert refused(failures).bad[0].severity is severity


def test_addresses_and_keys_are_told_apart() -> None:
    both = [Refusals("address", "192.0.2.1", 10), Refusals("key", "deadbeef", 10)]
    look = judge_refusals(both, limit=10, public=PUBLIC)
    assert [each.subject for each in look.bad] == ["address 192.0.2.1", "key deadbeef"]


def test_the_same_thing_found_in_two_hours_is_one_alert() -> None:
    finding = Finding(UnusualKind.NEW_ADDRESS, 3, 5, "192.0.2.1", {"first_at": NOW})
    look = judge_unusual([finding, finding], shortnames={3: "acme"}, public=PUBLIC)
    assert [each.subject for each in look.bad] == ["token 5 from 192.0.2.1"]
