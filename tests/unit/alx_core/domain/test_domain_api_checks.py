"""The API's checks, from both sides of each threshold and on it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from alx_core.domain.api_checks import API_CHECKS, TOGETHER, ApiCheckName, check_hour
from alx_core.domain.api_hours import ApiLimits, CompanyHour
from alx_core.domain.checks import Check
from alx_core.domain.metrics import Traffic
from alx_core.domain.security_alerts import Refusals

LIMITS = ApiLimits(slow_ms=5_000, success_pct=95, cache_hit_pct=70, min_calls=20)
FAILED_AUTH = 10
HOUR = 1_795_507_200


def make_traffic(**overrides: Any) -> Traffic:
    """Twenty quick calls that succeeded, all from the cache."""
    calls = overrides.pop("calls", 20)
    return Traffic(**{"calls": calls, "cache_hits": calls, "total_us": calls * 10_000, **overrides})


def judge(
    *companies: Traffic | CompanyHour, strangers: Traffic | None = None, refusals: Sequence[Refusals] = ()
) -> dict[str, Check]:
    hours = [
        each if isinstance(each, CompanyHour) else CompanyHour(number, f"c{number}", each, LIMITS)
        for number, each in enumerate(companies, start=1)
    ]
    checks = check_hour(HOUR, hours, strangers or Traffic(), LIMITS, refusals=refusals, failed_auth=FAILED_AUTH)
    return {each.name: each for each in checks}


def failed(*companies: Traffic | CompanyHour, strangers: Traffic | None = None) -> list[str]:
    return [name for name, check in judge(*companies, strangers=strangers).items() if not check.passed]


def test_there_is_one_outcome_for_each_check_in_order() -> None:
    assert list(judge(make_traffic())) == list(API_CHECKS)


def test_a_sound_hour_and_one_without_calls_pass() -> None:
    assert failed(make_traffic(), make_traffic(calls=3)) == []
    assert failed() == []
    assert all(check.passed for check in check_hour(None, [], Traffic(), LIMITS, refusals=(), failed_auth=FAILED_AUTH))


@pytest.mark.parametrize(("mean_ms", "is_slow"), [(4_999, False), (5_000, False), (5_000.1, True)])
def test_slow_is_a_mean_above_the_limit(mean_ms: float, is_slow: bool) -> None:
    traffic = make_traffic(total_us=round(20 * mean_ms * 1000))
    assert (ApiCheckName.API_SLOW in failed(traffic)) is is_slow


@pytest.mark.parametrize(("errors", "is_failing"), [(4, False), (5, False), (6, True)])
def test_failing_is_a_success_rate_below_the_limit(errors: int, is_failing: bool) -> None:
    traffic = make_traffic(calls=100, errors_by_code={"servererror": errors})
    assert (ApiCheckName.API_SUCCESS_RATE in failed(traffic)) is is_failing


@pytest.mark.parametrize(("hits", "is_cold"), [(71, False), (70, False), (69, True)])
def test_cold_is_a_cache_hit_rate_below_the_limit(hits: int, is_cold: bool) -> None:
    assert (ApiCheckName.API_CACHE_HIT_RATE in failed(make_traffic(calls=100, cache_hits=hits))) is is_cold


@pytest.mark.parametrize(("refused", "is_told"), [(9, False), (10, True), (11, True)])
def test_refused_tokens_of_one_address_from_the_limit_on(refused: int, is_told: bool) -> None:
    check = judge(refusals=[Refusals("address", "192.0.2.9", refused)])[ApiCheckName.FAILED_AUTH]
    assert (not check.passed, "address 192.0.2.9" in check.figures) == (is_told, is_told)


def test_refused_tokens_of_many_addresses_are_no_more_than_their_total_says() -> None:
    strangers = Traffic(calls=90, failed_auth=90, errors_by_code={"invalidtoken": 90})
    few = [Refusals("address", f"192.0.2.{number}", 9) for number in range(10)]
    check = judge(strangers=strangers, refusals=few)[ApiCheckName.FAILED_AUTH]
    assert check.passed
    assert check.figures == {"hour": "2026-11-24T08:00Z", "limit": 10, "failed_auth": 90}


def test_the_five_who_had_most_tokens_refused_are_named() -> None:
    many = [Refusals("key", f"k{failures}", failures) for failures in range(10, 17)]
    named = list(judge(refusals=many)[ApiCheckName.FAILED_AUTH].figures)[3:]
    assert named == ["key k16", "key k15", "key k14", "key k13", "key k12"]


def test_nineteen_calls_are_too_few_for_a_judgement_and_twenty_are_enough() -> None:
    bad = {"total_us": 10**9, "cache_hits": 0}
    assert failed(make_traffic(calls=19, **bad)) == []
    assert failed(make_traffic(calls=20, **bad)) == [ApiCheckName.API_SLOW, ApiCheckName.API_CACHE_HIT_RATE]


def test_many_companies_with_few_calls_are_judged_together() -> None:
    small = [make_traffic(calls=10, errors_by_code={"servererror": 10}, cache_hits=0) for _ in range(2)]
    check = judge(*small)[ApiCheckName.API_SUCCESS_RATE]
    assert not check.passed
    assert check.figures[TOGETHER] == 0.0
    assert "c1" not in check.figures


def test_a_company_is_judged_by_its_own_limits_as_its_alerts_are() -> None:
    """A company whose cache is off, and that may be slow, makes no check red: its alerts are silent, too."""
    traffic = make_traffic(total_us=20 * 6_000_000, cache_hits=0)
    lenient = CompanyHour(1, "c1", traffic, replace(LIMITS, slow_ms=8_000), is_cached=False)
    assert failed(lenient) == []
    assert failed(replace(lenient, limits=LIMITS)) == [ApiCheckName.API_SLOW]
    assert failed(replace(lenient, is_cached=True)) == [ApiCheckName.API_CACHE_HIT_RATE]
    strict = CompanyHour(1, "c1", make_traffic(cache_hits=15), replace(LIMITS, cache_hit_pct=90))
    assert failed(strict) == [ApiCheckName.API_CACHE_HIT_RATE]


def test_a_good_average_does_not_hide_a_bad_company() -> None:
    check = judge(make_traffic(calls=10_000), make_traffic(errors_by_code={"servererror": 20}))["api_success_rate"]
    assert not check.passed
    assert check.figures == {"hour": "2026-11-24T08:00Z", "limit_pct": 95, "c2": 0.0}


def test_strangers_who_are_refused_do_not_make_the_api_fail() -> None:
    strangers = Traffic(calls=9, failed_auth=9, errors_by_code={"invalidtoken": 9}, total_us=10**10)
    assert failed(make_traffic(), strangers=strangers) == []


def test_a_failing_api_is_an_error_and_the_others_are_warnings() -> None:
    warnings = {name for name, check in judge(make_traffic()).items() if check.is_warning}
    assert set(API_CHECKS) - warnings == {ApiCheckName.API_SUCCESS_RATE}
