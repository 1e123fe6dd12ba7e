"""Syncs and companies as the status page shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select, true

from alx_core.domain.company_state import CompanyState
from alx_core.store.tables import companies, sync_run_companies, sync_runs
from alx_core.store.tables.common import LAST_ID

QUARTER_S = 900
"""Every time zone's midnight lies on a quarter of an hour of UTC."""


class CompanySort(StrEnum):
    """By what the company table can be sorted."""

    NAME = "name"
    SYNCED = "synced"
    ROWS = "rows"
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    ERRORS = "errors"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class CompanyFilter:
    """Which companies, in which order. `text` is looked for in name and shortname; `state` None means all."""

    text: str = ""
    state: CompanyState | None = None
    sort: CompanySort = CompanySort.STATE
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many companies are in a state, how many of these match the filter's text, and rows of all of them."""

    companies: int
    matching: int
    rows: int


def count_states(connection: Connection, text: str, *, stale_before: int) -> dict[CompanyState, StateCount]:
    """Count the companies by state."""
    state = _state(stale_before).label("company_state")
    matching = func.sum(case((_matches(text), 1), else_=0))
    # By the label: PostgreSQL takes the expression's parameters for different ones in SELECT and GROUP BY.
    query = select(state, func.count(), matching, func.sum(companies.c.row_count)).group_by(state.name)
    return {CompanyState(name): StateCount(int(n), int(m), int(r)) for name, n, m, r in connection.execute(query)}


def list_company_page(
    connection: Connection,
    wanted: CompanyFilter,
    *,
    since: int,
    newest_since: int,
    stale_before: int,
    limit: int,
    offset: int,
) -> list[Mapping[str, Any]]:
    """Return one page of companies, with what the syncs since `since` did, and the newest run of each.

    The newest run is looked for since `newest_since`, `since` or earlier: where nothing ran for days, it is older.
    """
    figures = _figures(since, newest_since).subquery()
    newest = sync_run_companies.alias("newest")
    state = _state(stale_before)
    created, updated, deleted = (func.coalesce(figures.c[name], 0) for name in ("created", "updated", "deleted"))
    errors = func.coalesce(newest.c.errors, 0)
    columns = companies.c
    # Worst first; case() over the enum's own order keeps SQL and the enum from drifting apart.
    badness = case({each.value: rank for rank, each in enumerate(CompanyState)}, value=state)
    order: dict[CompanySort, ColumnElement[Any]] = {
        CompanySort.NAME: func.lower(columns.name),
        CompanySort.SYNCED: func.coalesce(columns.last_synced_at, 0),
        CompanySort.ROWS: columns.row_count,
        CompanySort.CREATED: created,
        CompanySort.UPDATED: updated,
        CompanySort.DELETED: deleted,
        CompanySort.ERRORS: errors,
        CompanySort.STATE: badness,
    }
    first = order[wanted.sort]
    query = (
        select(
            columns.companyid,
            columns.shortname,
            columns.name,
            columns.row_count,
            columns.last_synced_at,
            columns.last_error,
            created.label("created"),
            updated.label("updated"),
            deleted.label("deleted"),
            errors.label("errors"),
            state.label("state"),
            sync_runs.c.dagster_run_id,
        )
        .outerjoin(figures, figures.c.companyid == columns.companyid)
        .outerjoin(newest, and_(newest.c.companyid == columns.companyid, newest.c.run_id == figures.c.run_id))
        .outerjoin(sync_runs, sync_runs.c.id == figures.c.run_id)
        .where(_matches(wanted.text), true() if wanted.state is None else state == wanted.state.value)
        .order_by(first.desc() if wanted.is_descending else first, func.lower(columns.name), columns.companyid)
        .limit(limit)
        .offset(offset)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def count_rows(connection: Connection) -> int:
    """Return the rows of the reporting table that are not deleted, as the syncs counted them."""
    return int(connection.execute(select(func.coalesce(func.sum(companies.c.row_count), 0))).scalar_one())


def count_runs(connection: Connection, *, since: int) -> list[tuple[int, str, int]]:
    """Count the runs that are over, by quarter of an hour of their start: (start of the quarter, status, runs)."""
    runs = sync_runs.c
    quarter = (runs.started_at - runs.started_at % QUARTER_S).label("quarter")
    query = (
        select(quarter, runs.status, func.count())
        .where(runs.started_at >= since, runs.status != "running")
        .group_by(quarter.name, runs.status)
    )
    return [(int(start), str(status), int(n)) for start, status, n in connection.execute(query)]


def find_run(connection: Connection, *, finished_at: int | None) -> Mapping[str, Any] | None:
    """Return the newest run that succeeded at `finished_at`."""
    runs = sync_runs.c
    query = select(sync_runs).where(runs.finished_at == finished_at, runs.status == "succeeded")
    row = connection.execute(query.order_by(runs.id.desc()).limit(1)).mappings().first()
    return None if row is None else dict(row)


def _state(stale_before: int) -> ColumnElement[str]:
    row = companies.c
    return case(
        (row.is_deleted == 1, CompanyState.GONE.value),
        (row.last_error.is_not(None), CompanyState.FAILED.value),
        (row.suspended == 1, CompanyState.SUSPENDED.value),
        (row.last_synced_at.is_(None), CompanyState.NEVER.value),
        (row.last_synced_at < stale_before, CompanyState.STALE.value),
        else_=CompanyState.SYNCED.value,
    )


def _matches(text: str) -> ColumnElement[bool]:
    if not text:
        return true()
    return or_(
        companies.c.name.icontains(text, autoescape=True), companies.c.shortname.icontains(text, autoescape=True)
    )


def _figures(since: int, newest_since: int) -> Select[Any]:
    done, is_recent = sync_run_companies.c, sync_runs.c.started_at >= since
    # Said of the ids too, with two ends: without statistics PostgreSQL reads the book of all runs for those of a day.
    first = select(func.min(sync_runs.c.id)).where(sync_runs.c.started_at >= newest_since).scalar_subquery()
    return (
        select(
            done.companyid,
            *(
                func.sum(case((is_recent, column), else_=0)).label(column.name)
                for column in (done.created, done.updated, done.deleted)
            ),
            func.max(done.run_id).label("run_id"),
        )
        .join(sync_runs, sync_runs.c.id == done.run_id)
        .where(sync_runs.c.started_at >= newest_since, done.run_id.between(first, LAST_ID))
        .group_by(done.companyid)
    )
