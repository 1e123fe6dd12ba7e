"""What people read of an alert, to the word: figures, who is meant, and what is left out of a long list."""

import pytest

from alx_core.domain.alerts import Observation, Severity
from alx_core.domain.freshness import judge
from alx_core.domain.security_alerts import QuotaUse, Refusals, judge_quotas, judge_refusals
from alx_core.domain.sync_alerts import ERROR_LENGTH, SyncFailure, judge_failure, judge_staleness, shorten

NOW = 1_800_000_000


def quota(calls: int, limit: int) -> Observation:
    (seen,) = judge_quotas([QuotaUse(3, "acme", calls, limit)], resets_at="midnight", public="").bad
    return seen


def refused(source: str, value: str) -> Observation:
    (seen,) = judge_refusals([Refusals(source, value, 1_010)], limit=10, public="").bad
    return seen


def failed(*companies: str) -> Observation:
    (seen,) = judge_failure(
        [SyncFailure(NOW, "boom")], success=None, incident=None, companies=companies, dagster="", now=NOW
    ).bad
    return seen


def test_a_quota_that_runs_out_is_told_with_its_share_and_until_when_it_holds() -> None:
    near = quota(1_600, 2_000)
    assert near.title == "acme has used 80 % of its quota"
    assert near.message == "1,600 of 2,000 calls of the day. Above it, its calls are refused until midnight."
    assert near.details == {"calls": 1_600, "limit": 2_000, "share_pct": 80.0}


def test_a_quota_that_is_used_up_is_told_so() -> None:
    full = quota(2_000, 2_000)
    assert full.title == "acme has used its quota"
    assert full.message == "2,000 of 2,000 calls of the day. Its calls are refused until midnight."


def test_a_quota_of_one_call_is_a_quota() -> None:
    assert quota(1, 1).severity is Severity.CRITICAL


def test_refused_keys_are_told_with_the_address_that_they_came_from() -> None:
    seen = refused("address", "192.0.2.1")
    assert seen.title == "1,010 failed authentications from 192.0.2.1"
    assert seen.message == "1,010 calls from 192.0.2.1 were refused within an hour (limit 10)."


def test_refused_keys_are_told_with_what_they_begin_with() -> None:
    seen = refused("key", "abcd")
    assert seen.title == "1,010 failed authentications with keys that begin with abcd"
    assert seen.message == "1,010 calls with keys that begin with abcd were refused within an hour (limit 10)."


def test_staleness_is_told_in_hours() -> None:
    health = judge(
        now=NOW, last_success_at=NOW - 9_000, covered_until=NOW - 9_000, running_since=None, stale_after_s=7_200
    )
    (seen,) = judge_staleness(health, first_try_at=None, stale_after_s=7_200, dagster="").bad
    assert seen.title == "No successful sync for 2.5 hours"
    assert seen.details == {"hours": 2.5, "since": NOW - 9_000, "limit_hours": 2.0}


@pytest.mark.parametrize(("companies", "expected"), [(20, "c20."), (21, "c20 and 1 more."), (23, "c20 and 3 more.")])
def test_twenty_companies_are_named_and_the_others_counted(companies: int, expected: str) -> None:
    named = [f"c{number:02}" for number in range(1, companies + 1)]
    assert f"{', '.join(named[:19])}, {expected} Cause" in failed(*named).message


def test_a_cause_of_600_characters_is_told_whole_and_one_of_601_is_cut_to_600() -> None:
    assert shorten("x" * ERROR_LENGTH) == "x" * ERROR_LENGTH
    assert shorten("x" * (ERROR_LENGTH + 1)) == "x" * (ERROR_LENGTH - 1) + "…"
