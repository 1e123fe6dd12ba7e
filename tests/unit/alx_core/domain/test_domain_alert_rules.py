"""Every alert at its threshold: on either side of it, and on it; and what each one says."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from alx_core.domain.alerts import AlertName, AlertState, Incident, Judgement, Observation, Severity
from alx_core.domain.api_alerts import judge_api_hour
from alx_core.domain.api_hours import ApiLimits, CompanyHour
from alx_core.domain.freshness import SyncHealth, judge
from alx_core.domain.metrics import Traffic
from alx_core.domain.security_alerts import QuotaUse, Refusals, judge_quotas, judge_refusals, judge_unusual
from alx_core.domain.sync_alerts import (
    RunErrors,
    SyncFailure,
    SyncSuccess,
    failures_of,
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


def judge_failures(
    *failures: SyncFailure, success: SyncSuccess | None = None, incident: Incident | None = None
) -> Judgement:
    return judge_failure(
        failures, success=success, incident=incident, companies=["acme", "beta"], dagster=DAGIT, now=NOW
    )


def failed(after_success_s: int) -> Judgement:
    return judge_failures(SyncFailure(NOW, "boom"), success=SyncSuccess(1, NOW - after_success_s))


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


def test_a_failed_sync_names_root_cause_and_companies() -> None:
    (seen,) = judge_failures(SyncFailure(NOW, "beta:\n is not allowed", ("beta",), run_id="abc")).bad
    assert "1 of 2 companies" in seen.message
    assert "beta: is not allowed" in seen.message
    assert "acme" not in seen.message
    assert seen.link == "http://dagit/runs/abc"


def test_a_sync_that_failed_as_a_whole_names_every_company() -> None:
    (seen,) = judge_failures(SyncFailure(NOW, "Moodle is down")).bad
    assert "every company: acme, beta" in seen.message


def open_failure(**details: int) -> Incident:
    return Incident(1, AlertName.SYNC_FAILED, "", Severity.CRITICAL, AlertState.OPEN, NOW, NOW, NOW, details)


def is_over(success: SyncSuccess | None, **details: int) -> bool:
    look = judge_failures(success=success, incident=open_failure(**details))
    assert not look.bad
    return look.is_well((AlertName.SYNC_FAILED, ""))


@pytest.mark.parametrize(("number", "expected"), [(6, False), (7, False), (8, True)])
@pytest.mark.parametrize("clock_s", [-86_400, 0, 86_400])
def test_a_failure_that_nobody_knows_of_any_more_is_over_when_a_sync_succeeded_after_it_whatever_the_clocks_say(
    number: int, expected: bool, clock_s: int
) -> None:
    assert is_over(SyncSuccess(number, NOW + clock_s), after_sync=7, failed_at=NOW) is expected


def test_a_failure_is_not_over_before_any_sync_succeeded() -> None:
    assert not is_over(None, after_sync=0)


@pytest.mark.parametrize(("clock_s", "expected"), [(-1, False), (0, True)])
def test_a_failure_that_an_older_version_told_is_over_by_the_clock(clock_s: int, expected: bool) -> None:
    assert is_over(SyncSuccess(8, NOW + clock_s), failed_at=NOW) is expected


@pytest.mark.parametrize(("number", "is_told"), [(6, False), (7, False), (8, True)])
@pytest.mark.parametrize("clock_s", [-86_400, 0, 86_400])
def test_of_syncs_in_the_books_the_later_one_counts_whatever_the_clocks_say(
    number: int, is_told: bool, clock_s: int
) -> None:
    failure = SyncFailure(NOW + clock_s, "boom", number=number)
    assert bool(judge_failures(failure, success=SyncSuccess(7, NOW)).bad) is is_told


def test_a_failure_that_reached_no_books_is_not_hidden_by_a_success_of_the_future() -> None:
    assert judge_failures(SyncFailure(NOW - 3600, "boom"), success=SyncSuccess(7, NOW + 3600)).bad


def test_a_failure_of_the_future_that_reached_no_books_is_not_told_anew_after_each_success() -> None:
    assert not judge_failures(SyncFailure(NOW + 3600, "boom"), success=SyncSuccess(7, NOW)).bad


BOOKED = SyncFailure(NOW, "booked", ("beta",), "run", 7)


def test_the_newest_failure_is_told() -> None:
    (seen,) = judge_failures(SyncFailure(NOW - 2, "older"), BOOKED, SyncFailure(NOW - 1, "old")).bad
    assert "booked" in seen.message


@pytest.mark.parametrize(
    ("of_dagster", "booked", "known"),
    [
        (None, None, []),
        (BOOKED, None, [BOOKED]),
        (None, BOOKED, [BOOKED]),
        (SyncFailure(NOW + 2, "dagster", (), "run", 7), BOOKED, [replace(BOOKED, at=NOW + 2)]),
        (SyncFailure(NOW, "dagster", ("acme", "beta"), "run", 7), BOOKED, [BOOKED]),
        (
            SyncFailure(NOW, "dagster", ("acme",), "run", 7),
            replace(BOOKED, companies=()),
            [replace(BOOKED, companies=("acme",))],
        ),
        (SyncFailure(NOW, "dagster", (), "other"), BOOKED, [BOOKED, SyncFailure(NOW, "dagster", (), "other")]),
    ],
)
def test_a_failure_that_dagster_and_the_books_know_is_one_and_the_books_know_its_companies(
    of_dagster: SyncFailure | None, booked: SyncFailure | None, known: list[SyncFailure]
) -> None:
    assert failures_of(of_dagster, booked) == known


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
