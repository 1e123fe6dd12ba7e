"""The second half of a sync: each company's changes in one transaction of its own.

A company that fails is rolled back to what it was before the run, and the next company goes on.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from alx_core.clock import Clock
from alx_core.domain.sync import CompanyResult
from alx_core.logs import get_logger
from alx_core.store.companies import upsert_company
from alx_core.store.engine import connect, transaction
from alx_core.store.reporting_sync import Written, write_changes
from alx_core.store.runs import require_running
from alx_core.store.spool import Spool

log = get_logger()

WRITE_ERRORS = (SQLAlchemyError, psycopg.Error, sqlite3.Error)


@dataclass(frozen=True, slots=True)
class Company:
    """A company of a run: its names in Moodle, the rows Moodle's tables give it, and its bad records."""

    companyid: int
    shortname: str
    name: str
    suspended: int
    is_deleted: int
    rows: int
    errors: int


def write_companies(
    engine: Engine,
    spool: Spool,
    companies: Sequence[Company],
    *,
    run_id: int,
    clock: Clock,
    workers: int,
    on_progress: Callable[[int, int], None],
) -> list[CompanyResult]:
    """Write each company's changes and return what was done, in the order of `companies`.

    Raises StoreUnreachable when the database went away, SyncLocked when another sync has taken this one's place:
    neither is a company's fault.
    """

    def one(company: Company) -> CompanyResult:
        return _write_company(engine, spool, company, run_id=run_id, clock=clock)

    # SQLite has one writer at a time.
    side_by_side = workers if engine.dialect.name == "postgresql" else 1
    results: list[CompanyResult] = []
    with ThreadPoolExecutor(side_by_side, thread_name_prefix="company") as executor:
        for result in _cancelling(executor, executor.map(one, companies)):
            results.append(result)
            on_progress(len(results), len(companies))
    return results


def _cancelling(executor: ThreadPoolExecutor, results: Iterator[CompanyResult]) -> Iterator[CompanyResult]:
    try:
        yield from results
    finally:
        executor.shutdown(cancel_futures=True)


def _write_company(engine: Engine, spool: Spool, company: Company, *, run_id: int, clock: Clock) -> CompanyResult:
    began = time.monotonic()
    error: str | None = None
    written = Written()
    if spool.has(company.companyid):
        try:
            with transaction(engine) as connection:
                require_running(connection, run_id)
                changes = spool.batches(company.companyid)
                written = write_changes(connection, changes, run_id=run_id, now=int(clock()))
                upsert_company(
                    connection,
                    company.companyid,
                    shortname=company.shortname,
                    name=company.name,
                    suspended=company.suspended,
                    is_deleted=company.is_deleted,
                    published_seq=run_id,
                )
        except WRITE_ERRORS as failure:
            _require_reachable(engine)
            error, written = _describe(failure), Written()
            log.warning("company_failed", companyid=company.companyid, run_id=run_id, error=error)
    return CompanyResult(
        companyid=company.companyid,
        shortname=company.shortname,
        rows=company.rows,
        created=written.created,
        updated=written.updated,
        deleted=written.deleted,
        unchanged=0 if error else company.rows - written.created - written.updated,
        errors=company.errors,
        seconds=time.monotonic() - began,
        error=error,
    )


def _require_reachable(engine: Engine) -> None:
    with connect(engine) as connection:
        connection.exec_driver_sql("SELECT 1")


def _describe(failure: Exception) -> str:
    """The database's own first line, without the statement and its parameters, which hold learners' data."""
    cause = getattr(failure, "orig", None) or failure
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
