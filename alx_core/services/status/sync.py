"""The tab Auto-Sync: how fresh the table is, what the syncs did, how each company stands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from alx_core.domain.company_state import CompanyState
from alx_core.domain.freshness import HOUR_S, Freshness, SyncHealth, is_overdue, next_sync_at
from alx_core.services.health import sync_health
from alx_core.settings import Settings
from alx_core.store.monitoring.syncs import (
    CompanyFilter,
    StateCount,
    count_runs,
    count_states,
    find_run,
    list_company_page,
)
from alx_core.store.runs import latest_runs

PAGE_COMPANIES = 25
CHART_DAYS = 7
FIGURES_S = 24 * HOUR_S

COUNTED = tuple(state for state in CompanyState if state is not CompanyState.GONE)


@dataclass(frozen=True, slots=True)
class Run:
    """A sync run. `window_end`: the end of the newest hour it asked for."""

    id: int
    kind: str
    status: str
    started_at: int
    finished_at: int | None
    seconds: float | None
    window_end: int | None
    companies: int
    companies_failed: int
    processed: int
    created: int
    updated: int
    deleted: int
    errors: int
    error: str | None
    dagster_run_id: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Run":
        """Take a run from its row."""
        return cls(**{name: row[name] for name in cls.__slots__})

    @property
    def error_pct(self) -> float:
        """Bad records in percent of those processed."""
        return 100 * self.errors / self.processed if self.processed else 0.0


@dataclass(frozen=True, slots=True)
class DayOfRuns:
    """The runs of one local day that are over. `day`: its date; `success_pct` None: there were none."""

    day: str
    starts_at: int
    succeeded: int
    runs: int
    success_pct: float | None


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """A line of the company table. Created, updated and deleted are of the last 24 h, `errors` of the newest run."""

    companyid: int
    shortname: str
    name: str
    state: CompanyState
    rows: int
    last_synced_at: int | None
    created: int
    updated: int
    deleted: int
    errors: int
    last_error: str | None
    dagster_run_id: str | None


@dataclass(frozen=True, slots=True)
class CompanyPage:
    """One page of the company table. `matching`: companies that fit the filter, on all pages."""

    rows: list[CompanyRow]
    matching: int
    page: int
    pages: int
    wanted: CompanyFilter


@dataclass(frozen=True, slots=True)
class SyncView:
    """The whole tab. `latest`: the newest run of all, `attempt`: the newest that is over, `success`: the last good.

    `due_at`: when the first run after the newest one should have begun, or will.
    """

    health: SyncHealth
    stale_after_s: float
    error_limit_pct: float
    is_overdue: bool
    due_at: int
    latest: Run | None
    attempt: Run | None
    success: Run | None
    states: Mapping[CompanyState, StateCount]
    days: list[DayOfRuns]
    companies: CompanyPage

    @property
    def total(self) -> int:
        """Companies that Moodle has."""
        return sum(count.companies for state, count in self.states.items() if state is not CompanyState.GONE)

    @property
    def rows(self) -> int:
        """Rows of the reporting table that are not deleted."""
        return sum(count.rows for count in self.states.values())

    @property
    def has_too_many_errors(self) -> bool:
        """Whether the last good run met more bad records than the alert `sync_error_rate` allows."""
        return self.success is not None and self.success.error_pct > self.error_limit_pct

    @property
    def is_failing(self) -> bool:
        """Whether the newest run that is over did not succeed."""
        return self.attempt is not None and self.attempt.status != "succeeded"


def view_syncs(connection: Connection, settings: Settings, wanted: CompanyFilter, *, page: int, now: int) -> SyncView:
    """Return the tab at `now`; a page beyond the last one is the last one."""
    stale_after_s = settings.sync_stale_hours * HOUR_S
    stale_before = int(now - stale_after_s)
    health = sync_health(connection, now=now, stale_after_s=stale_after_s)
    runs = [Run.of(row) for row in latest_runs(connection, limit=2)]
    success = find_run(connection, finished_at=health.last_success_at)
    starts = day_starts(now, settings.zone)
    states = count_states(connection, wanted.text, stale_before=stale_before)
    attempt = next((run for run in runs if run.status != "running"), None)
    newest_at = now if attempt is None else min(now, attempt.started_at)
    due_at = next_sync_at(runs[0].started_at if runs else now)
    return SyncView(
        health=health,
        stale_after_s=stale_after_s,
        error_limit_pct=settings.alert_sync_error_pct,
        is_overdue=is_overdue(due_at, running_since=health.running_since, now=now),
        due_at=due_at,
        latest=runs[0] if runs else None,
        attempt=attempt,
        success=None if success is None else Run.of(success),
        states=states,
        days=count_days(starts, count_runs(connection, since=starts[0]), settings.zone),
        companies=_company_page(
            connection, wanted, states, page=page, now=now, newest_at=newest_at, stale_before=stale_before
        ),
    )


def day_starts(now: int, zone: ZoneInfo) -> list[int]:
    """Return when the last CHART_DAYS local days began, today included (epoch seconds)."""
    today = datetime.fromtimestamp(now, zone).date()
    days = [today - timedelta(days=back) for back in reversed(range(CHART_DAYS))]
    return [int(datetime.combine(day, time(), tzinfo=zone).timestamp()) for day in days]


def count_days(starts: list[int], counts: Iterable[tuple[int, str, int]], zone: ZoneInfo) -> list[DayOfRuns]:
    """Put counts of runs (start, status, runs) into the days that begin at `starts`."""
    runs, succeeded = [0] * len(starts), [0] * len(starts)
    for started_at, status, count in counts:
        index = max((i for i, start in enumerate(starts) if start <= started_at), default=None)
        if index is not None:
            runs[index] += count
            succeeded[index] += count if status == "succeeded" else 0
    return [
        DayOfRuns(
            day=datetime.fromtimestamp(start, zone).date().isoformat(),
            starts_at=start,
            succeeded=good,
            runs=all_runs,
            success_pct=100 * good / all_runs if all_runs else None,
        )
        for start, good, all_runs in zip(starts, succeeded, runs, strict=True)
    ]


def is_stale(health: SyncHealth) -> bool:
    """Whether the table's readers must know that it is old."""
    return health.freshness is not Freshness.FRESH


def _company_page(
    connection: Connection,
    wanted: CompanyFilter,
    states: Mapping[CompanyState, StateCount],
    *,
    page: int,
    now: int,
    newest_at: int,
    stale_before: int,
) -> CompanyPage:
    matching = sum(count.matching for state, count in states.items() if wanted.state in (None, state))
    pages = max(1, -(-matching // PAGE_COMPANIES))
    page = min(max(page, 1), pages)
    found = list_company_page(
        connection,
        wanted,
        since=now - FIGURES_S,
        newest_since=newest_at - FIGURES_S,
        stale_before=stale_before,
        limit=PAGE_COMPANIES,
        offset=(page - 1) * PAGE_COMPANIES,
    )
    return CompanyPage([_company_row(row) for row in found], matching, page, pages, wanted)


def _company_row(row: Mapping[str, Any]) -> CompanyRow:
    return CompanyRow(
        companyid=int(row["companyid"]),
        shortname=row["shortname"],
        name=row["name"],
        state=CompanyState(row["state"]),
        rows=int(row["row_count"]),
        last_synced_at=row["last_synced_at"],
        created=int(row["created"]),
        updated=int(row["updated"]),
        deleted=int(row["deleted"]),
        errors=int(row["errors"]),
        last_error=row["last_error"],
        dagster_run_id=row["dagster_run_id"],
    )
