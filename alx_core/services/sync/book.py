"""What a sync leaves in the books: its run, its companies, the bad records, and each company's state."""

from collections.abc import Sequence

from sqlalchemy import Engine

from alx_core.domain.bad_records import BadRecord
from alx_core.domain.paging import SNAPSHOT_KEPT_S
from alx_core.domain.sync import COUNTS, CompanyResult, SyncRequest, SyncResult, TableFacts
from alx_core.faults import explain, first_line
from alx_core.services.sync.write import Company
from alx_core.store import runs
from alx_core.store.companies import lock_companies, mark_gone, upsert_companies
from alx_core.store.engine import transaction
from alx_core.store.retention import purge_history


def open_run(engine: Engine, request: SyncRequest, *, now: int) -> int:
    """Close the runs that were killed, open this one, and return its id. Only the holder of the lock may call it."""
    start, end = request.window or (None, None)
    with transaction(engine) as connection:
        runs.interrupt_running(connection, now=now)
        return runs.start_run(
            connection,
            kind=request.kind.value,
            as_of=request.as_of,
            window_start=start,
            window_end=end,
            started_at=now,
            dagster_run_id=request.dagster_run_id,
        )


def close_run(
    engine: Engine,
    result: SyncResult,
    companies: Sequence[Company],
    bad: Sequence[BadRecord],
    *,
    now: int,
    is_whole: bool,
) -> None:
    """Book a run that came to its end. `is_whole` says that it covered every company."""
    with transaction(engine) as connection:
        lock_companies(connection)
        errors = {each.companyid: each.error for each in result.companies}
        written = [each for each in companies if not errors[each.companyid]]
        upsert_companies(connection, [_state(each, result.table, now) for each in written])
        failed = [each for each in companies if errors[each.companyid]]
        upsert_companies(connection, [{**_named(each), "last_error": errors[each.companyid]} for each in failed])
        if is_whole:
            mark_gone(connection, [each.companyid for each in companies if not each.is_deleted])
        purge_history(connection, before=now - SNAPSHOT_KEPT_S)
        runs.add_companies(connection, result.run_id, [_row(each) for each in result.companies])
        runs.add_errors(connection, result.run_id, bad, now=now)
        runs.finish_run(
            connection,
            result.run_id,
            status="failed" if result.failed else "succeeded",
            finished_at=now,
            seconds=result.seconds,
            companies=len(result.companies),
            companies_failed=len(result.failed),
            errors=result.errors,
            ranges=result.ranges,
            ranges_skipped=result.ranges_skipped,
            error="; ".join(f"{name}: {error}" for name, error in sorted(result.failed.items())) or None,
            **result.counts,
        )


def fail_run(engine: Engine, run_id: int, error: BaseException, *, now: int) -> None:
    """Book a run that was stopped by an error; a database that is gone can't be told."""
    if not isinstance(error, Exception):  # Ctrl-C, or Dagster's word for it: it has nothing to say
        status, text = "interrupted", "The run was stopped before its end."
    else:
        status, text = "failed", explain(error) or f"{type(error).__name__}: {first_line(error)}"
    with transaction(engine) as connection:
        runs.finish_run(connection, run_id, status=status, finished_at=now, error=text)


def _state(company: Company, table: TableFacts, now: int) -> dict[str, object]:
    return {
        **_named(company),
        "suspended": company.suspended,
        "is_deleted": company.is_deleted,
        "row_count": table.rows.get(company.companyid, 0),
        "last_synced_at": now,
        "last_error": None,
    }


def _named(company: Company) -> dict[str, object]:
    return {"companyid": company.companyid, "shortname": company.shortname, "name": company.name}


def _row(done: CompanyResult) -> dict[str, object]:
    names = ("companyid", "status", *COUNTS, "errors", "seconds")
    return {**{name: getattr(done, name) for name in names}, "error": done.error}
