"""The second half of a sync: each company's changes in one transaction, which small companies share.

A company that fails is rolled back to what it was before the run, and the next company goes on.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from alx_core.clock import Clock
from alx_core.domain.sync import CompanyResult
from alx_core.faults import first_line
from alx_core.logs import get_logger
from alx_core.store.companies import upsert_companies
from alx_core.store.engine import connect, transaction
from alx_core.store.reporting_sync import Written, write_changes
from alx_core.store.runs import require_running
from alx_core.store.spool import Spool

log = get_logger()


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


ROWS_PER_TRANSACTION = 10_000
"""Changes up to which companies share a transaction. One of its own costs each as much as a thousand rows; more of them
would keep SQLite's other writers waiting, and so every reader of the API."""


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
    writer = _Writer(engine, spool, run_id, clock)
    # SQLite has one writer at a time.
    side_by_side = workers if engine.dialect.name == "postgresql" else 1
    results: list[CompanyResult] = []
    with ThreadPoolExecutor(side_by_side, thread_name_prefix="company") as executor:
        for result in chain.from_iterable(_cancelling(executor, executor.map(writer.write, _groups(spool, companies)))):
            results.append(result)
            on_progress(len(results), len(companies))
    return results


def _groups(spool: Spool, companies: Sequence[Company]) -> Iterator[list[Company]]:
    """Yield neighbours whose changes go into one transaction together, all companies in order."""
    group, rows = list[Company](), 0
    for company in companies:
        changed = spool.count(company.companyid)
        if group and rows + changed > ROWS_PER_TRANSACTION:
            yield group
            group, rows = [], 0
        group.append(company)
        rows += changed
    if group:
        yield group


def _cancelling(executor: ThreadPoolExecutor, results: Iterator[list[CompanyResult]]) -> Iterator[list[CompanyResult]]:
    try:
        yield from results
    finally:
        executor.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Writer:
    """What it takes to write companies, whichever they are."""

    engine: Engine
    spool: Spool
    run_id: int
    clock: Clock

    def write(self, group: Sequence[Company]) -> list[CompanyResult]:
        """Write companies in one transaction; where that fails, each in one of its own."""
        began = time.monotonic()
        try:
            written = self._write(group)
        except SQLAlchemyError as failure:
            _require_reachable(self.engine)
            if len(group) > 1:
                return [result for company in group for result in self.write([company])]
            (company,), error = group, first_line(failure)
            log.warning("company_failed", companyid=company.companyid, run_id=self.run_id, error=error)
            return [_result(company, Written(), time.monotonic() - began, error)]
        per_row = (time.monotonic() - began) / max(1, sum(each.rows for each in written.values()))
        counts = [(company, written.get(company.companyid, Written())) for company in group]
        return [_result(company, count, per_row * count.rows) for company, count in counts]

    def _write(self, group: Sequence[Company]) -> Mapping[int, Written]:
        changed = [company for company in group if self.spool.count(company.companyid)]
        if not changed:
            return {}
        with transaction(self.engine) as connection:
            require_running(connection, self.run_id)
            changes = self.spool.batches([company.companyid for company in changed])
            written = write_changes(connection, changes, run_id=self.run_id, now=int(self.clock()))
            upsert_companies(connection, [_published(company, self.run_id) for company in changed])
        return written


def _published(company: Company, run_id: int) -> dict[str, object]:
    return {
        "companyid": company.companyid,
        "shortname": company.shortname,
        "name": company.name,
        "suspended": company.suspended,
        "is_deleted": company.is_deleted,
        "published_seq": run_id,
    }


def _result(company: Company, written: Written, seconds: float, error: str | None = None) -> CompanyResult:
    return CompanyResult(
        companyid=company.companyid,
        shortname=company.shortname,
        rows=company.rows,
        created=written.created,
        updated=written.updated,
        deleted=written.deleted,
        unchanged=0 if error else company.rows - written.created - written.updated,
        errors=company.errors,
        seconds=seconds,
        error=error,
    )


def _require_reachable(engine: Engine) -> None:
    with connect(engine) as connection:
        connection.exec_driver_sql("SELECT 1")
