"""Which failure of a sync counts, whoever knows of it and whatever the clocks say, and when it is over."""

from dataclasses import replace

import pytest

from alx_core.domain.alerts import AlertName, AlertState, Incident, Judgement, Severity
from alx_core.domain.sync_alerts import SyncFailure, SyncSuccess, failures_of, judge_failure

NOW = 1_800_000_000
DAGIT = "http://dagit"


def judge_failures(
    *failures: SyncFailure, success: SyncSuccess | None = None, incident: Incident | None = None
) -> Judgement:
    return judge_failure(
        failures, success=success, incident=incident, companies=["acme", "beta"], dagster=DAGIT, now=NOW
    )


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
