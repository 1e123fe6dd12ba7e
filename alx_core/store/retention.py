"""Deleting what is old, where others write in many small transactions: nobody waits for long."""

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, delete, func, select, tuple_

from alx_core.domain.alerts import AlertState
from alx_core.domain.clocks import is_of_the_future
from alx_core.domain.sync import Kind
from alx_core.store.engine import connect, transaction
from alx_core.store.tables import (
    alerts,
    api_metrics_hourly,
    api_sessions,
    api_usage,
    reporting,
    reporting_history,
    request_log,
    sync_runs,
)

CHUNK = 5_000
"""Rows per transaction."""


def purge_log(engine: Engine, *, before_ms: int, now_ms: int, chunk: int = CHUNK) -> int:
    """Delete requests before `before_ms` (epoch milliseconds); return how many.

    Goes up the ids, which grow with time, and stops at the first block that has nothing to delete. A request that was
    carried over late goes with a later purge. A block that a clock which ran ahead dated after `now_ms` says nothing of
    those behind it.
    """
    row, deleted = request_log.c, 0
    first = _lowest_id(engine, 0)
    while first is not None:
        block = and_(row.id >= first, row.id < first + chunk)
        with transaction(engine) as connection:
            gone = connection.execute(delete(request_log).where(block, row.timeaccessed < before_ms)).rowcount
        if gone == 0 and not _ran_ahead(engine, block, now_ms):
            break
        deleted += gone
        first = _lowest_id(engine, first + chunk)
    return deleted


def purge_runs(engine: Engine, *, before: int, chunk: int = CHUNK) -> int:
    """Delete syncs that began before `before`, with their companies and bad records; return how many.

    The newest that ended, the newest that succeeded and all after that stay, however old: they say how the table
    stands.
    """
    runs = sync_runs.c
    newest = select(func.max(runs.id)).where(runs.finished_at.is_not(None))
    success = select(func.max(runs.id)).where(runs.status == "succeeded", runs.kind == Kind.HOURLY)
    with connect(engine) as connection:
        kept = [connection.execute(each).scalar() for each in (newest, success)]
    kept_from = min((each for each in kept if each is not None), default=0)
    return _purge(engine, sync_runs, and_(runs.started_at < before, runs.id < kept_from), chunk)


def purge_alerts(engine: Engine, *, before: int, chunk: int = CHUNK) -> int:
    """Delete alerts that were over before `before`, with their messages; return how many."""
    row = alerts.c
    return _purge(engine, alerts, and_(row.state == AlertState.RESOLVED.value, row.resolved_at < before), chunk)


def purge_tombstones(engine: Engine, *, before: int, chunk: int = CHUNK) -> int:
    """Delete rows of the reporting table that were deleted before `before`; return how many.

    Only to be called by the holder of the writer's lock: a sync that has seen a tombstone means to revive it.
    """
    row = reporting.c
    return _purge(engine, reporting, and_(row.is_deleted == 1, row.last_updated < before), chunk)


def purge_history(connection: Connection, *, before: int) -> int:
    """Drop the row versions that were replaced before `before` (epoch seconds), which no read can still need.

    Returns how many. Only to be called by the holder of the writer's lock: nobody else writes there, so one statement
    keeps nobody waiting, and no index has to be kept for it.
    """
    return connection.execute(delete(reporting_history).where(reporting_history.c.superseded_at < before)).rowcount


def purge_metrics(engine: Engine, *, before: int, chunk: int = CHUNK) -> int:
    """Delete hourly metrics of hours before `before`; return how many rows."""
    return _purge(engine, api_metrics_hourly, api_metrics_hourly.c.hour < before, chunk)


def purge_usage(engine: Engine, *, before_day: str, chunk: int = CHUNK) -> int:
    """Delete the counters of quota days before `before_day` (as 2026-11-24); return how many."""
    return _purge(engine, api_usage, api_usage.c.day < before_day, chunk)


def purge_sessions(engine: Engine, *, before: float, chunk: int = CHUNK) -> int:
    """Delete paged reads of which no page was noted, and nothing charged, since `before` (epoch seconds).

    Returns how many. With `before` as old as a snapshot may be, the next request begins a new read in any case. Where
    an incremental client stands is not kept here.
    """
    row = api_sessions.c
    noted = (row.last_page_at, func.coalesce(row.finished_at, 0), row.charged_at)
    return _purge(engine, api_sessions, and_(*(each < before for each in noted)), chunk)


def _purge(engine: Engine, table: Table, condition: ColumnElement[bool], chunk: int) -> int:
    """Delete rows in blocks. One that another changed meanwhile is looked at again: no longer old, it stays."""
    key, total = list(table.primary_key.columns), 0
    block = select(*key).where(condition).limit(chunk)
    chosen = key[0].in_(block) if len(key) == 1 else tuple_(*key).in_(block)
    while True:
        with transaction(engine) as connection:
            deleted = connection.execute(delete(table).where(chosen, condition)).rowcount
        total += deleted
        if deleted < chunk:
            return total


def _ran_ahead(engine: Engine, block: ColumnElement[bool], now_ms: int) -> bool:
    with connect(engine) as connection:
        oldest = connection.execute(select(func.min(request_log.c.timeaccessed)).where(block)).scalar()
    return oldest is not None and is_of_the_future(oldest / 1000, now_ms / 1000)


def _lowest_id(engine: Engine, at_least: int) -> int | None:
    with connect(engine) as connection:
        return connection.execute(select(func.min(request_log.c.id)).where(request_log.c.id >= at_least)).scalar()
