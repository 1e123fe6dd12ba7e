"""Find unusual use of the API in an hour. The rules are in `alx_core/domain/unusual.py`, the questions in the store."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo

from sqlalchemy import Connection

from alx_core.domain.freshness import HOUR_S
from alx_core.domain.networks import site_of
from alx_core.domain.unusual import (
    GRACE_S,
    READER_MEMORY_S,
    Finding,
    FirstPage,
    TokenUse,
    UnusualKind,
    first_seen_addresses,
    truncated_readers,
    volume_finding,
)
from alx_core.services.company_settings import settings_in_force
from alx_core.store.unusual import (
    calls_at,
    calls_by_company,
    first_hours,
    first_pages,
    known_sites,
    last_recorded_hour,
    later_pages,
    token_uses,
)

HISTORY_WEEKS = 8
CATCH_UP_S = 48 * HOUR_S
"""Metrics that are behind by more than this are not waited for."""


def find_unusual(connection: Connection, *, hour: int, now: int, zone: tzinfo = UTC) -> list[Finding]:
    """Return what is unusual in the hour that begins at `hour` (epoch seconds), as far as it is known at `now`.

    Works for the hour in progress as for any that the log still holds; it reads the log of that hour, and of a day for
    readers whose first page was full. `zone` is where the companies work: their eight o'clock stays eight o'clock when
    the clocks change. Reads only.
    """
    end = min(hour + HOUR_S, now)
    return [
        *_volumes(connection, hour=hour, end=end, zone=zone),
        *_new_addresses(connection, start=hour, end=end),
        *_truncated(connection, start=hour - GRACE_S, end=end - GRACE_S),
    ]


def _volumes(connection: Connection, *, hour: int, end: int, zone: tzinfo) -> Iterable[Finding]:
    weeks = _same_hours(hour, zone)
    history, since = calls_at(connection, weeks), first_hours(connection, since=min(weeks) - HOUR_S)
    for companyid, calls in sorted(calls_by_company(connection, start=hour, end=end).items()):
        begun = since.get(companyid, hour)
        past = history.get(companyid, {})
        score = volume_finding([past.get(each, 0) for each in weeks if each >= begun], calls)
        if score is not None:
            figures = {"calls": calls, "usual": score.median, "spread": round(score.spread, 1), "z": round(score.z, 1)}
            yield Finding(UnusualKind.VOLUME, companyid, None, None, figures)


def _same_hours(hour: int, zone: tzinfo) -> list[int]:
    """The same local hour of the same weekday in the weeks before, as far as an hour of the metrics is the same."""
    local = datetime.fromtimestamp(hour, zone)
    # Aware datetimes of one zone add up as the wall clock does; the instant follows.
    then = (int((local - timedelta(weeks=week)).timestamp()) for week in range(1, HISTORY_WEEKS + 1))
    return [at - at % HOUR_S for at in then]  # clocks may change by half an hour: Australia/Lord_Howe


def _new_addresses(connection: Connection, *, start: int, end: int) -> Iterable[Finding]:
    uses = token_uses(connection, start=start, end=end)
    for use in first_seen_addresses(uses, _known_before(connection, uses, start)):
        figures = {"first_at": use.first_at}
        yield Finding(UnusualKind.NEW_ADDRESS, use.companyid, use.token_id, use.address, figures)


def _known_before(connection: Connection, uses: Iterable[TokenUse], start: int) -> Mapping[int, Mapping[str, int]]:
    """What was noted, and what the log adds for the hours since the newest one that was recorded."""
    wanted = {use.token_id for use in uses}
    known = known_sites(connection, wanted, before=start)
    recorded = last_recorded_hour(connection, before=start)
    gap = start - CATCH_UP_S if recorded is None else max(recorded + HOUR_S, start - CATCH_UP_S)
    for use in token_uses(connection, start=gap, end=start) if gap < start else ():
        if use.token_id in wanted:
            sites = known.setdefault(use.token_id, {})
            site = site_of(use.address)
            sites[site] = min(use.first_at, sites.get(site, use.first_at))
    return known


def _truncated(connection: Connection, *, start: int, end: int) -> Iterable[Finding]:
    pages = _full_pages(connection, first_pages(connection, start=start, end=end))
    if not pages:
        return
    # Most clients page, which the hour itself shows; only for the few others the day before is read.
    later = later_pages(connection, {page.token_id for page in pages}, start=start, end=end + GRACE_S)
    suspects = truncated_readers(pages, later)
    tokens = {page.token_id for page in suspects}
    before = later_pages(connection, tokens, start=start - READER_MEMORY_S, end=start) if tokens else {}
    for page in truncated_readers(suspects, before):
        figures = {"rows": page.rows, "table_rows": page.table_rows, "at": page.at}
        yield Finding(UnusualKind.TRUNCATED_READER, page.companyid, page.token_id, page.address, figures)


def _full_pages(connection: Connection, pages: Iterable[FirstPage]) -> list[FirstPage]:
    """The pages that are as long as they may be; where no limit was given, the company's `max_records` is it."""
    settings_of = settings_in_force(connection)
    full = []
    for page in pages:
        limit = page.limit or settings_of(page.companyid).max_records
        if page.rows >= limit:
            full.append(replace(page, limit=limit))
    return full
