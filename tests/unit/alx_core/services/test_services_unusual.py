"""Unusual use found in a real log, on both kinds of database."""

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from alx_core.domain.freshness import HOUR_S
from alx_core.domain.unusual import GRACE_S, Finding, UnusualKind
from alx_core.services.metrics import record_hours
from alx_core.services.unusual import find_unusual
from alx_core.store.engine import connect, transaction
from alx_core.store.settings import save_settings_of
from support.requests import HOUR, add_companies, log_requests, make_refusal, make_request

pytestmark = pytest.mark.slow

END = HOUR + HOUR_S
WEEK_S = 7 * 86_400


@pytest.fixture
def engine(reporting_engine: Engine) -> Engine:
    """Two companies with 5,000 rows each."""
    add_companies(reporting_engine, ["alpha", "beta"], rows=5_000)
    return reporting_engine


def findings(engine: Engine, *, now: int = END + 360, hour: int = HOUR, zone: str = "UTC") -> list[Finding]:
    with connect(engine) as connection:
        return find_unusual(connection, hour=hour, now=now, zone=ZoneInfo(zone))


def kinds(engine: Engine, **when: int) -> list[UnusualKind]:
    return [each.kind for each in findings(engine, **when)]


def log_calls(engine: Engine, calls: int, *, at: int, **overrides: object) -> None:
    log_requests(engine, [make_request(at=at + index / 100, **overrides) for index in range(calls)])


def record(engine: Engine, hour: int, hours: int = 1) -> None:
    record_hours(engine, start=hour, end=hour + hours * HOUR_S, now=hour + hours * HOUR_S + 360)


# --- volume ---


def usual_weeks(engine: Engine, *, calls: int = 10, weeks: int = 5) -> None:
    for week in range(weeks, 0, -1):
        log_calls(engine, calls, at=HOUR - week * WEEK_S)
        record(engine, HOUR - week * WEEK_S)


def test_far_more_calls_than_in_the_same_hour_of_the_weeks_before(engine: Engine) -> None:
    usual_weeks(engine)
    log_calls(engine, 300, at=HOUR)
    (found,) = findings(engine)
    assert (found.kind, found.companyid, found.token_id) == (UnusualKind.VOLUME, 1, None)
    assert (found.figures["calls"], found.figures["usual"]) == (300, 10.0)


def test_as_many_calls_as_usual_are_no_finding(engine: Engine) -> None:
    usual_weeks(engine, calls=300)
    log_calls(engine, 310, at=HOUR)
    assert findings(engine) == []


def test_a_flood_shows_before_its_hour_is_over(engine: Engine) -> None:
    usual_weeks(engine)
    log_calls(engine, 300, at=HOUR)
    assert kinds(engine, now=HOUR + 60) == [UnusualKind.VOLUME]


def test_other_hours_of_the_week_say_nothing(engine: Engine) -> None:
    """A nightly job of 300 calls is usual at night, and would be unusual at eight in the morning."""
    usual_weeks(engine)
    for week in range(5, 0, -1):
        night = HOUR - week * WEEK_S - 6 * HOUR_S
        log_calls(engine, 300, at=night)
        record(engine, night)
    log_calls(engine, 300, at=HOUR)
    assert kinds(engine) == [UnusualKind.VOLUME]


def test_hours_in_which_a_company_was_silent_count_as_hours_without_calls(engine: Engine) -> None:
    log_calls(engine, 1, at=HOUR - 6 * WEEK_S)
    record(engine, HOUR - 6 * WEEK_S)
    log_calls(engine, 300, at=HOUR)
    assert kinds(engine) == [UnusualKind.VOLUME]


def test_a_company_that_is_new_has_no_history(engine: Engine) -> None:
    usual_weeks(engine, weeks=3)
    log_calls(engine, 300, at=HOUR)
    assert findings(engine) == []


def test_eight_o_clock_stays_eight_o_clock_when_the_clocks_change(engine: Engine) -> None:
    """London left summer time on 25 October 2026: 300 calls at 8:00 local were at 7:00 UTC before."""
    for week in range(1, 9):
        summer_s = HOUR_S if week > 4 else 0
        log_calls(engine, 300, at=HOUR - week * WEEK_S - summer_s)
        record(engine, HOUR - week * WEEK_S - summer_s)
    log_calls(engine, 300, at=HOUR)
    assert findings(engine, zone="Europe/London") == []


def test_clocks_that_change_by_half_an_hour_do_not_make_a_busy_hour_unusual(engine: Engine) -> None:
    """No hour of the metrics began when Lord Howe's did before: the history counted as eight silent weeks."""
    summer_begun = 1_791_043_200  # 2026-10-03 16:00 UTC, 3:00 there, half an hour after the change
    for week in range(1, 9):
        log_calls(engine, 300, at=summer_begun - week * WEEK_S)
        record(engine, summer_begun - week * WEEK_S)
    log_calls(engine, 300, at=summer_begun)
    assert findings(engine, hour=summer_begun, now=summer_begun + HOUR_S + 360, zone="Australia/Lord_Howe") == []


# --- addresses ---


def test_a_token_used_from_a_second_address_is_told_with_both_names(engine: Engine) -> None:
    log_requests(engine, [make_request(at=HOUR - 5 * HOUR_S)])
    record(engine, HOUR - 5 * HOUR_S)
    log_requests(engine, [make_request(at=HOUR + 9, ip_address="198.51.100.7")])
    (found,) = findings(engine)
    assert (found.kind, found.companyid, found.token_id) == (UnusualKind.NEW_ADDRESS, 1, 1)
    assert (found.address, found.figures["first_at"]) == ("198.51.100.7", HOUR + 9)


def test_it_is_told_of_the_hour_in_which_it_happened_and_no_other_recorded_or_not(engine: Engine) -> None:
    for address, hour in (("192.0.2.1", HOUR - HOUR_S), ("198.51.100.7", HOUR), ("198.51.100.7", HOUR + HOUR_S)):
        log_requests(engine, [make_request(at=hour + 9, ip_address=address)])
    expected = [[], [UnusualKind.NEW_ADDRESS], []]
    hours = (HOUR - HOUR_S, HOUR, HOUR + HOUR_S)
    assert [kinds(engine, hour=hour, now=hour + HOUR_S) for hour in hours] == expected
    record(engine, HOUR - HOUR_S, hours=3)
    assert [kinds(engine, hour=hour, now=hour + HOUR_S) for hour in hours] == expected


def test_the_first_use_ever_and_refused_tokens_are_no_finding(engine: Engine) -> None:
    log_requests(engine, [make_request(), make_refusal(ip_address="198.51.100.7")])
    assert findings(engine) == []


def test_an_address_that_the_purged_log_no_longer_holds_is_still_known(engine: Engine) -> None:
    log_requests(engine, [make_request(at=HOUR - WEEK_S), make_request(at=HOUR - WEEK_S + 1, ip_address="192.0.2.9")])
    record(engine, HOUR - WEEK_S)
    with transaction(engine) as connection:
        connection.exec_driver_sql("DELETE FROM local_alx_api_logs")
    log_requests(engine, [make_request(ip_address="192.0.2.9")])
    assert findings(engine) == []


# --- truncated readers ---

AT = END - GRACE_S - 60
"""In time for its grace to end within the hour."""


def full_page(**overrides: object) -> dict[str, object]:
    return make_request(**{"at": AT, "rows": 1_000, "page_limit": 1_000, **overrides})


def test_a_client_that_never_asks_for_the_second_page(engine: Engine) -> None:
    log_requests(engine, [full_page()])
    (found,) = findings(engine)
    assert (found.kind, found.companyid, found.token_id) == (UnusualKind.TRUNCATED_READER, 1, 1)
    assert (found.figures["rows"], found.figures["table_rows"]) == (1_000, 5_000)


def test_a_client_that_pages_is_no_finding(engine: Engine) -> None:
    log_requests(engine, [full_page(), full_page(at=AT + 30, page_offset=1_000)])
    assert findings(engine) == []


def test_it_is_told_by_the_hour_in_which_the_grace_ended_and_only_by_it(engine: Engine) -> None:
    log_requests(engine, [full_page(at=END - 60)])
    assert findings(engine) == []
    assert kinds(engine, hour=END, now=END + GRACE_S - 60) == []
    assert kinds(engine, hour=END, now=END + GRACE_S) == [UnusualKind.TRUNCATED_READER]
    assert kinds(engine, hour=END, now=END + HOUR_S) == [UnusualKind.TRUNCATED_READER]


@pytest.mark.parametrize(
    "other", [{"rows": 999}, {"mode": "incremental"}, {"outcome": "limittoolarge"}, {"page_offset": None}]
)
def test_pages_that_are_not_full_first_pages_of_a_whole_table_are_no_finding(
    engine: Engine, other: dict[str, object]
) -> None:
    log_requests(engine, [full_page(**other)])
    assert findings(engine) == []


def test_without_a_limit_the_company_s_own_is_the_page_s(engine: Engine) -> None:
    with transaction(engine) as connection:
        save_settings_of(connection, 2, {"max_records": "2000"}, now=HOUR)
    log_requests(engine, [full_page(page_limit=0), full_page(page_limit=0, companyid=2, token_id=2)])
    assert [each.companyid for each in findings(engine)] == [1]
    log_requests(engine, [full_page(page_limit=0, companyid=2, token_id=2, rows=2_000)])
    assert [each.companyid for each in findings(engine)] == [1, 2]
