"""One sync from beginning to end: lock, plan, write, book.

Whatever happens, the table is right or as it was: nothing is written before every range is planned, each company is
written in one transaction of its own, and a run that is killed leaves at most some companies already up to date.
"""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from alx_core.clock import Clock, system_clock
from alx_core.domain.learners import Layout
from alx_core.domain.sync import SyncRequest, SyncResult
from alx_core.errors import StoreUnreachable, SyncError
from alx_core.logs import get_logger
from alx_core.services.sync.book import close_run, fail_run, open_run
from alx_core.services.sync.edited import look_at_edited
from alx_core.services.sync.listener import Listener
from alx_core.services.sync.plan import Plan
from alx_core.services.sync.planner import Planner
from alx_core.services.sync.quiet import QuietRanges, find_quiet, forget_changed, look_at_table, note_digests
from alx_core.services.sync.source import Source
from alx_core.services.sync.write import Company, write_companies
from alx_core.store.companies import list_companies
from alx_core.store.engine import connect
from alx_core.store.locks import writer_lock
from alx_core.store.reporting_sync import StoredRows, refresh_statistics
from alx_core.store.spool import SpoolFolder

log = get_logger()

CompanyNames = Mapping[int, tuple[str, str, int, int]]
"""companyid -> shortname, name, suspended, is_deleted."""


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How a sync works, whatever it is asked to do; see the settings of the same names."""

    spool: Path
    rows_per_band: int = 110_000
    workers: int = 2
    lock_timeout_s: float = 600
    clock: Clock = system_clock
    listener: Listener = field(default_factory=Listener)


def sync(engine: Engine, open_source: Callable[[], Source], request: SyncRequest, options: SyncOptions) -> SyncResult:
    """Make the reporting table what Moodle says it should be, and return what that took.

    Companies that could not be written are in the result's `failed`; all others are committed. Anything that stops
    the whole run raises an AlxError and is booked in `sync_runs`: SourceError, StoreUnreachable, SyncLocked, or
    SyncError for an unknown company. Up to the writing, such an error leaves the table untouched.
    """
    with writer_lock(engine, timeout_s=options.lock_timeout_s, on_wait=options.listener.waiting):
        run_id = open_run(engine, request, now=int(options.clock()))
        try:
            with closing(open_source()) as source:
                result = _sync(engine, source, request, options, run_id)
        except BaseException as error:
            with suppress(StoreUnreachable, DBAPIError):  # then `error` says the same, and the next run closes this one
                fail_run(engine, run_id, error, now=int(options.clock()))
            raise
    options.listener.finished(result)
    log.info("sync_done", run_id=run_id, seconds=round(result.seconds, 2), failed=len(result.failed))
    return result


def _sync(engine: Engine, source: Source, request: SyncRequest, options: SyncOptions, run_id: int) -> SyncResult:
    began = time.monotonic()
    layout = source.layout(options.rows_per_band)
    quiet = find_quiet(engine, source, layout, request)
    names = _companies(engine, source, request)
    with SpoolFolder(options.spool) as folder:
        plan = _plan(engine, source, folder, layout, quiet, request=request, options=options, companyids=names.keys())
        errors = plan.errors
        companies = [_company(companyid, names, plan, errors[companyid]) for companyid in sorted(names)]
        forget_changed(engine, layout, quiet)
        written = write_companies(
            engine,
            plan.changes,
            companies,
            run_id=run_id,
            clock=options.clock,
            workers=options.workers,
            on_progress=partial(options.listener.progress, "write"),
        )
    changed = sum(each.changed for each in written)
    refresh_statistics(engine, changed=changed)
    failed = [each.companyid for each in written if each.error]
    if not request.shortnames:  # the other companies' rows were not looked at
        note_digests(engine, plan, run_id=run_id, as_of=request.as_of, failed=failed)
    table = quiet.table if quiet.table and not changed else look_at_table(engine)
    result = SyncResult(
        run_id=run_id,
        as_of=request.as_of,
        companies=written,
        errors=len(plan.bad),
        ranges=layout.count,
        ranges_skipped=plan.skipped,
        seconds=time.monotonic() - began,
        newest_change=plan.newest_change,
        rows_read=plan.rows_read,
        table=table,
    )
    now, is_whole = int(options.clock()), not request.shortnames
    close_run(engine, result, companies, plan.bad_records, now=now, is_whole=is_whole)
    return result


def _plan(
    engine: Engine,
    source: Source,
    folder: SpoolFolder,
    layout: Layout,
    quiet: QuietRanges,
    *,
    request: SyncRequest,
    options: SyncOptions,
    companyids: Collection[int],
) -> Plan:
    plan = Plan(layout, changes=folder.spool())
    if quiet.table and quiet.has_any:
        plan.count_catalogue(quiet.catalogue)
        plan.judge_by(quiet.parts)
        plan.skip(quiet.ranges, quiet.table.rows)
    with closing(StoredRows(engine)) as stored:
        planner = Planner(
            source,
            stored,
            folder,
            as_of=request.as_of,
            companyids=companyids,
            rows_per_band=options.rows_per_band,
            workers=options.workers,
        )

        def on_looked() -> None:
            options.listener.progress("read", len(plan.looked_at), layout.count - plan.skipped)

        if quiet.edited or len(quiet.ranges) < layout.count:
            stored.connect_ahead()
        if quiet.edited:
            look_at_edited(planner, quiet.edited, plan, on_looked)
        left = sorted({*range(layout.count)} - plan.looked_at - {*quiet.ranges["index"]})
        planner.look_at(left, plan, on_looked)
    return plan


def _companies(engine: Engine, source: Source, request: SyncRequest) -> CompanyNames:
    """The companies of the run: Moodle's, and those that only the reporting table still knows.

    A company that is founded while the run goes on is the next run's.
    """
    present = {
        row["id"]: (_storable(row["shortname"]), _storable(row["name"]), int((row["suspended"] or 0) > 0), 0)
        for row in source.companies().to_dicts()
        if row["id"] is not None and row["id"] >= 0
    }
    with connect(engine) as connection:
        stored = {
            row["companyid"]: (row["shortname"], row["name"], row["suspended"], 1) for row in list_companies(connection)
        }
    every = {**stored, **present}
    if not request.shortnames:
        return every
    chosen = {companyid: each for companyid, each in every.items() if each[0] in request.shortnames}
    unknown = set(request.shortnames) - {each[0] for each in chosen.values()}
    if unknown:
        known = ", ".join(sorted(each[0] for each in present.values()))
        raise SyncError(f"Moodle has no company with shortname {', '.join(sorted(unknown))}. It has: {known}.")
    return chosen


def _storable(name: str | None) -> str:
    """A company's name as PostgreSQL can keep it; one with a NUL is a bad record, which holds the company's rows."""
    return (name or "").replace("\0", "\ufffd")


def _company(companyid: int, names: CompanyNames, plan: Plan, errors: int) -> Company:
    shortname, name, suspended, is_deleted = names[companyid]
    return Company(
        companyid=companyid,
        shortname=shortname,
        name=name,
        suspended=suspended,
        is_deleted=is_deleted,
        rows=plan.rows[companyid],
        errors=errors,
    )
