"""The book of syncs: one row per run, one per company and run, one per bad record."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from alx_core.domain.bad_records import BadRecord
from alx_core.domain.clocks import CLOCKS_APART_S
from alx_core.domain.freshness import HOUR_S
from alx_core.domain.sync import Kind
from alx_core.errors import SyncLocked
from alx_core.store.locks import is_writing
from alx_core.store.tables import sync_errors, sync_run_companies, sync_runs

MAX_ERRORS_PER_RUN = 10_000
"""Bad records written per run; all are counted. A broken import must not fill the database every hour."""


def interrupt_running(connection: Connection, *, now: int) -> int:
    """Close the runs that were killed. Only the holder of the writer's lock may call it. Returns their number."""
    killed = (
        update(sync_runs)
        .where(sync_runs.c.status == "running")
        .values(status="interrupted", finished_at=now, error="The process ended before the run did.")
    )
    return connection.execute(killed).rowcount


def require_running(connection: Connection, run_id: int) -> None:
    """Make sure that the run still has the writer's place, and keep it until the transaction ends.

    A run whose lock went away with its connection is closed by the next one (`interrupt_running`), which waits for the
    row that is held here. Raises SyncLocked: that has happened.
    """
    query = select(sync_runs.c.status).where(sync_runs.c.id == run_id).with_for_update(read=True)
    if connection.execute(query).scalar_one() != "running":
        raise SyncLocked(
            "This sync lost the connection that held its lock, and another one has begun. It stops here: what it wrote "
            "is right, and the other one does the rest. See `alx status`."
        )


def start_run(connection: Connection, **values: object) -> int:
    """Open a run and return its id, which is also the `change_seq` of the rows it writes."""
    result = connection.execute(insert(sync_runs).values(status="running", **values).returning(sync_runs.c.id))
    return int(result.scalar_one())


def finish_run(connection: Connection, run_id: int, **values: object) -> None:
    """Close a run with its figures."""
    connection.execute(update(sync_runs).where(sync_runs.c.id == run_id).values(**values))


def add_companies(connection: Connection, run_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """Book what the run did for each company."""
    if rows:
        connection.execute(insert(sync_run_companies), [{"run_id": run_id, **row} for row in rows])


def add_errors(connection: Connection, run_id: int, bad: Sequence[BadRecord], *, now: int) -> None:
    """Book the bad records, up to MAX_ERRORS_PER_RUN of them."""
    rows = [
        {
            "run_id": run_id,
            "companyid": each.companyid,
            "userid": each.userid,
            "courseid": each.courseid,
            "source_table": each.table,
            "source_column": each.column,
            "reason": each.reason.value,
            "occurred_at": now,
        }
        for each in bad[:MAX_ERRORS_PER_RUN]
    ]
    if rows:
        connection.execute(insert(sync_errors), rows)


def last_success(connection: Connection, *, now: int) -> tuple[int, int] | None:
    """Return when the newest hour was last synced for every company, and the end of that hour.

    A run counts when it asked for the hour that was the newest when it started: a backfill of old hours does not say
    that the newest one is there. One that ended after `now` does not count: nobody knows when that was.
    """
    runs = sync_runs.c
    newest_then = runs.started_at - runs.started_at % HOUR_S
    query = (
        select(runs.finished_at, runs.window_end)
        .where(runs.kind == Kind.HOURLY, runs.status == "succeeded", runs.window_end >= newest_then)
        .where(runs.finished_at <= now + CLOCKS_APART_S)
        .order_by(runs.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else (int(row.finished_at), int(row.window_end))


def running_since(connection: Connection) -> int | None:
    """Return when the run that is going on started; None when there is none.

    One that was killed stays "running" in the books until the next one begins; the lock went with its process.
    """
    query = select(sync_runs.c.started_at).where(sync_runs.c.status == "running").order_by(sync_runs.c.id.desc())
    started_at = connection.execute(query.limit(1)).scalar()
    return started_at if started_at is not None and is_writing(connection) else None


def latest_runs(connection: Connection, *, limit: int) -> list[dict[str, Any]]:
    """Return the newest runs, newest first."""
    query = select(sync_runs).order_by(sync_runs.c.id.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]
