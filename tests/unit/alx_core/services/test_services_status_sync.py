"""The tab Auto-Sync: days of runs in local time, and companies by state."""

from itertools import pairwise, product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert

from alx_core.domain.company_state import CompanyState
from alx_core.services.status.sync import CHART_DAYS, PAGE_COMPANIES, SyncView, count_days, day_starts, view_syncs
from alx_core.settings import Settings
from alx_core.store.engine import connect, transaction
from alx_core.store.monitoring.syncs import CompanyFilter, CompanySort
from alx_core.store.tables import companies, sync_run_companies, sync_runs
from support.builders import make_run
from support.requests import HOUR
from support.status_server import make_settings
from support.status_site import make_company

NOW = HOUR + 1_800
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Chatham"]


def view(engine: Engine, wanted: CompanyFilter | None = None, *, page: int = 1, now: int = NOW) -> SyncView:
    settings: Settings = make_settings("sqlite:///unused.sqlite")
    with connect(engine) as connection:
        return view_syncs(connection, settings, wanted or CompanyFilter(), page=page, now=now)


def add_companies(engine: Engine, *rows: dict[str, object]) -> None:
    with transaction(engine) as connection:
        connection.execute(insert(companies), list(rows))


@given(st.integers(1_700_000_000, 1_900_000_000), st.sampled_from(ZONES))
def test_a_week_has_seven_local_days_and_the_last_one_is_today(now: int, zone: str) -> None:
    starts = day_starts(now, ZoneInfo(zone))
    assert len(starts) == CHART_DAYS
    assert starts[-1] <= now < starts[-1] + 25 * 3600
    assert all(23 * 3600 <= after - before <= 25 * 3600 for before, after in pairwise(starts))
    assert all(start % 900 == 0 for start in starts), "a day would cut a quarter of an hour"


def test_a_run_counts_for_the_local_day_it_began_on() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    starts = day_starts(NOW, zone)
    days = count_days(
        starts, [(starts[3], "succeeded", 2), (starts[4] - 900, "failed", 1), (starts[0] - 900, "failed", 9)], zone
    )
    assert [(day.runs, day.succeeded) for day in days] == [(0, 0)] * 3 + [(3, 2)] + [(0, 0)] * 3
    assert days[0].success_pct is None
    assert days[3].success_pct == pytest.approx(200 / 3)


def test_each_company_is_in_one_state_and_the_worst_counts(reporting_engine: Engine) -> None:
    add_companies(
        reporting_engine,
        make_company(1, last_synced_at=NOW - 60),
        make_company(2, last_synced_at=NOW - 7_300),
        make_company(3, last_synced_at=NOW - 60, last_error="no"),
        make_company(4, suspended=1),
        make_company(5, suspended=1, last_error="no"),
        make_company(6),
        make_company(7, is_deleted=1, last_error="no"),
    )
    found = view(reporting_engine)
    assert {state: count.companies for state, count in found.states.items()} == {
        CompanyState.SYNCED: 1,
        CompanyState.STALE: 1,
        CompanyState.FAILED: 2,
        CompanyState.SUSPENDED: 1,
        CompanyState.NEVER: 1,
        CompanyState.GONE: 1,
    }
    assert found.total == 6
    order = [row.state for row in found.companies.rows]
    assert order == sorted(order, key=list(CompanyState).index)


def test_pages_are_disjoint_and_complete_however_they_are_sorted(reporting_engine: Engine) -> None:
    many = 2 * PAGE_COMPANIES + 3
    rows = [make_company(number, last_synced_at=NOW - number % 2) for number in range(1, many + 1)]
    add_companies(reporting_engine, *rows)
    for sort, is_descending in product(CompanySort, (False, True)):
        wanted = CompanyFilter(sort=sort, is_descending=is_descending)
        pages = [view(reporting_engine, wanted, page=page).companies for page in (1, 2, 3)]
        seen = [row.companyid for page in pages for row in page.rows]
        assert sorted(seen) == list(range(1, many + 1)), wanted
        assert [page.pages for page in pages] == [3, 3, 3]


def test_a_text_is_looked_for_as_it_is(reporting_engine: Engine) -> None:
    add_companies(
        reporting_engine,
        make_company(1, name="Acme", shortname="one"),
        make_company(2, name="50% Off", shortname="two"),
        make_company(3, name="Three", shortname="under_score"),
    )
    searches = {"ACME": {1}, "50%": {2}, "_": {3}, "%": {2}, "nothing": set(), "": {1, 2, 3}}
    for text, found in searches.items():
        page = view(reporting_engine, CompanyFilter(text=text)).companies
        assert {row.companyid for row in page.rows} == found, text
        assert page.matching == len(found)


def test_changes_are_those_of_24_hours_and_errors_those_of_the_newest_run(reporting_engine: Engine) -> None:
    add_companies(reporting_engine, make_company(1))
    done = {"status": "succeeded", "processed": 9, "unchanged": 0, "seconds": 0.1, "companyid": 1, "deleted": 0}
    with transaction(reporting_engine) as connection:
        for number, age_s in ((1, 90_000), (2, 7_200), (3, 600)):
            connection.execute(insert(sync_runs), [make_run(id=number, started_at=NOW - age_s)])
            connection.execute(
                insert(sync_run_companies),
                [{**done, "run_id": number, "created": number, "updated": 10, "errors": number}],
            )
    row = view(reporting_engine).companies.rows[0]
    assert (row.created, row.updated, row.errors) == (5, 20, 3)
    row = view(reporting_engine, now=NOW + 3 * 86_400).companies.rows[0]
    assert (row.created, row.updated, row.errors) == (0, 0, 3), "nothing ran for three days: the records are still bad"


@pytest.mark.parametrize(("now", "started_at", "is_overdue"), [
    (HOUR + 300 + 599, HOUR - 3_300, False),
    (HOUR + 300 + 601, HOUR - 3_300, True),
    (HOUR + 300 + 601, HOUR + 301, False),
])  # fmt: skip
def test_a_sync_that_has_not_begun_ten_minutes_after_its_time_is_overdue(
    reporting_engine: Engine, now: int, started_at: int, is_overdue: bool
) -> None:
    with transaction(reporting_engine) as connection:
        connection.execute(insert(sync_runs), [make_run(started_at=started_at)])
    assert view(reporting_engine, now=now).is_overdue == is_overdue
