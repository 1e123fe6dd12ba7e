"""What the books, the log and the counters say about alerts: figures only, judged in the domain."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, literal_column, select, union_all

from alx_core.domain.freshness import HOUR_S
from alx_core.domain.security_alerts import Refusals
from alx_core.domain.sync import Kind
from alx_core.domain.sync_alerts import RunErrors, SyncFailure, SyncSuccess
from alx_core.store.request_log import IS_FAILED_AUTH, called_since, called_within
from alx_core.store.tables import companies, request_log, sync_run_companies, sync_runs
from alx_core.store.tables.traffic import IS_REFUSED

WORST_NAMED = 5


def newest_failure(connection: Connection) -> SyncFailure | None:
    """Return the newest sync run that ended, if it failed."""
    run = _newest_ended(connection)
    if run is None or run.status != "failed":
        return None
    failed = (
        select(companies.c.shortname)
        .join(sync_run_companies, sync_run_companies.c.companyid == companies.c.companyid)
        .where(sync_run_companies.c.run_id == run.id, sync_run_companies.c.status == "failed")
        .order_by(companies.c.shortname)
    )
    names = tuple(connection.execute(failed).scalars())
    return SyncFailure(run.finished_at, run.error or "unknown", names, run.dagster_run_id, run.id)


def number_of(connection: Connection, dagster_run_id: str) -> int | None:
    """Return the number of a Dagster run's newest sync that the books do not call a success; None: there is none."""
    runs = sync_runs.c
    query = select(func.max(runs.id)).where(runs.dagster_run_id == dagster_run_id, runs.status != "succeeded")
    return connection.execute(query).scalar()


def newest_success(connection: Connection) -> SyncSuccess | None:
    """Return the newest hourly sync that succeeded, of whatever hour: each of them brings everything up to date.

    It ended in a second before the next one began, whatever a clock that ran ahead wrote down.
    """
    runs = sync_runs.c
    done = select(runs.id, runs.finished_at).where(runs.kind == Kind.HOURLY, runs.status == "succeeded")
    newest = connection.execute(done.order_by(runs.id.desc()).limit(1)).first()
    if newest is None:
        return None
    next_began_at = connection.scalar(select(func.min(runs.started_at)).where(runs.id > newest.id))
    ended_at = int(newest.finished_at)
    return SyncSuccess(newest.id, ended_at if next_began_at is None else min(ended_at, next_began_at - 1))


def first_try_at(connection: Connection) -> int | None:
    """Return when the oldest sync in the books began."""
    return connection.execute(select(func.min(sync_runs.c.started_at))).scalar()


def newest_errors(connection: Connection) -> RunErrors | None:
    """Return the bad records of the newest sync run that came to its end, failed companies or not."""
    runs, each = sync_runs.c, sync_run_companies.c
    newest = select(sync_runs).where(runs.finished_at.is_not(None), runs.companies > 0).order_by(runs.id.desc())
    run = connection.execute(newest.limit(1)).first()
    if run is None:
        return None
    worst = (
        select(companies.c.shortname, each.errors)
        .join(sync_run_companies, each.companyid == companies.c.companyid)
        .where(each.run_id == run.id, each.errors > 0)
        .order_by(each.errors.desc(), companies.c.shortname)
        .limit(WORST_NAMED)
    )
    named = [(name, int(errors)) for name, errors in connection.execute(worst)]
    return RunErrors(run.processed, run.errors, named, run.dagster_run_id)


def shortnames(connection: Connection) -> dict[int, str]:
    """Return the shortnames of all companies that Moodle still has, by id."""
    query = select(companies.c.companyid, companies.c.shortname).where(companies.c.is_deleted == 0)
    return {int(companyid): name for companyid, name in connection.execute(query)}


def refusals_since(connection: Connection, *, since: int, at_least: int) -> Sequence[Refusals]:
    """Return who made `at_least` failed authentications since `since` (epoch seconds), by address and by key prefix."""
    return _refusals(connection, called_since(since * 1000), at_least)


def refusals_of_hour(connection: Connection, *, hour: int, at_least: int) -> Sequence[Refusals]:
    """Return the same of the hour that begins at `hour`, as far as its requests are still in the log."""
    return _refusals(connection, called_within(hour, hour + HOUR_S), at_least)


def _refusals(connection: Connection, is_meant: ColumnElement[bool], at_least: int) -> Sequence[Refusals]:
    row = request_log.c
    counted = union_all(
        *(
            select(literal_column(f"'{source}'").label("source"), column.label("value"), func.count().label("failures"))
            .where(is_meant, IS_REFUSED, IS_FAILED_AUTH, column != "")
            .group_by(column)
            .having(func.count() >= at_least)
            for source, column in (("address", row.ip_address), ("key", row.key_prefix))
        )
    ).subquery()
    query = select(counted).order_by(counted.c.source, counted.c.value)
    return [Refusals(source, value, int(failures)) for source, value, failures in connection.execute(query)]


def _newest_ended(connection: Connection) -> Row[Any] | None:
    query = select(sync_runs).where(sync_runs.c.status.in_(("succeeded", "failed"))).order_by(sync_runs.c.id.desc())
    return connection.execute(query.limit(1)).first()
