"""What the rules of `alx_core/domain/unusual.py` are told: questions to the request log and to what was kept of it.

Each looks at hours, or at most a day, of the log, found through the index on `timeaccessed`.
"""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, case, delete, func, select

from alx_core.domain.networks import site_of
from alx_core.domain.outcomes import OK
from alx_core.domain.paging import ReadMode
from alx_core.domain.unusual import FirstPage, TokenUse
from alx_core.store.engine import insert_into, is_postgresql
from alx_core.store.request_log import called_within
from alx_core.store.tables import api_metrics_hourly, api_token_addresses, companies, request_log


def token_uses(connection: Connection, *, start: int, end: int) -> list[TokenUse]:
    """Return where each token was used in [start, end), epoch seconds. Refused tokens are not in it."""
    log = request_log.c
    query = (
        select(
            log.token_id,
            func.max(log.companyid).label("companyid"),
            log.ip_address,
            func.min(log.timeaccessed).label("first_ms"),
            func.max(log.timeaccessed).label("last_ms"),
        )
        .where(called_within(start, end), log.token_id.is_not(None))
        .group_by(log.token_id, log.ip_address)
    )
    return [
        TokenUse(row.token_id, row.companyid, row.ip_address, row.first_ms // 1000, row.last_ms // 1000)
        for row in connection.execute(query)
    ]


def known_sites(connection: Connection, token_ids: Collection[int], *, before: int) -> dict[int, dict[str, int]]:
    """Return by token the sites noted, each with when it was first seen, as far as that was before `before`."""
    columns = api_token_addresses.c
    query = select(columns.token_id, columns.site, columns.first_seen_at)
    found: dict[int, dict[str, int]] = {}
    wanted = query.where(columns.token_id.in_(sorted(token_ids)), columns.first_seen_at < before)
    for token_id, site, first_seen_at in connection.execute(wanted):
        found.setdefault(token_id, {})[site] = first_seen_at
    return found


def note_uses(connection: Connection, uses: Iterable[TokenUse]) -> None:
    """Note where tokens were used; in any order, and as often as one likes."""
    rows: dict[tuple[int, str], dict[str, int | str]] = {}
    for use in sorted(uses, key=lambda each: -each.first_at):
        key = (use.token_id, site_of(use.address))
        last_at = max(use.last_at, int(rows[key]["last_seen_at"]) if key in rows else 0)
        rows[key] = {"token_id": key[0], "site": key[1], "first_seen_at": use.first_at, "last_seen_at": last_at}
    if not rows:
        return
    is_server = is_postgresql(connection)
    statement = insert_into(connection, api_token_addresses)
    known, new = api_token_addresses.c, statement.excluded
    least, greatest = (func.least, func.greatest) if is_server else (func.min, func.max)
    merged = {
        "first_seen_at": least(known.first_seen_at, new.first_seen_at),
        "last_seen_at": greatest(known.last_seen_at, new.last_seen_at),
    }
    connection.execute(
        statement.on_conflict_do_update(index_elements=["token_id", "site"], set_=merged), list(rows.values())
    )


def forget_uses(connection: Connection, *, before: int) -> int:
    """Forget the addresses that nobody came from since `before`; return how many they were."""
    return connection.execute(delete(api_token_addresses).where(api_token_addresses.c.last_seen_at < before)).rowcount


def last_recorded_hour(connection: Connection, *, before: int) -> int | None:
    """Return the newest hour before `before` that has metrics; None when there is none."""
    column = api_metrics_hourly.c.hour
    newest: int | None = connection.scalar(select(func.max(column)).where(column < before))
    return newest


def calls_by_company(connection: Connection, *, start: int, end: int) -> dict[int, int]:
    """Return the calls of each company in [start, end), from the log."""
    log = request_log.c
    query = select(log.companyid, func.count()).where(called_within(start, end), log.companyid.is_not(None))
    rows = connection.execute(query.group_by(log.companyid))
    return {companyid: calls for companyid, calls in rows}  # noqa: C416  # a Row is no tuple to mypy


def calls_at(connection: Connection, hours: Sequence[int]) -> dict[int, dict[int, int]]:
    """Return by company the calls recorded of each of `hours`; hours without any are left out."""
    columns = api_metrics_hourly.c
    query = select(columns.companyid, columns.hour, columns.calls).where(columns.hour.in_(hours))
    found: dict[int, dict[int, int]] = {}
    for companyid, hour, calls in connection.execute(query):
        found.setdefault(companyid, {})[hour] = calls
    return found


def first_hours(connection: Connection, *, since: int) -> dict[int, int]:
    """Return by company the first hour since `since` that it has metrics of."""
    columns = api_metrics_hourly.c
    query = select(columns.companyid, func.min(columns.hour)).where(columns.hour >= since)
    rows = connection.execute(query.group_by(columns.companyid))
    return {companyid: hour for companyid, hour in rows}  # noqa: C416  # a Row is no tuple to mypy


def first_pages(connection: Connection, *, start: int, end: int) -> list[FirstPage]:
    """Return the first pages of whole tables that were served in [start, end).

    Reads that bring changes only are left out: a full page of them says nothing of how many there are. `limit` is 0
    where the client left it to the company's `max_records`.
    """
    log = request_log.c
    query = (
        select(
            log.token_id,
            log.companyid,
            log.ip_address,
            log.timeaccessed,
            log.rows,
            case((log.page_limit > 0, log.page_limit), else_=0).label("limit"),
            companies.c.row_count,
        )
        .join_from(request_log, companies, companies.c.companyid == log.companyid)
        .where(
            called_within(start, end),
            log.outcome == OK,
            log.token_id.is_not(None),
            log.page_offset == 0,
            func.coalesce(log.mode, "") != ReadMode.INCREMENTAL.value,
            companies.c.row_count > log.rows,
        )
    )
    return [
        FirstPage(
            row.token_id, row.companyid, row.ip_address, row.timeaccessed // 1000, row.rows, row.limit, row.row_count
        )
        for row in connection.execute(query)
    ]


def later_pages(connection: Connection, token_ids: Collection[int], *, start: int, end: int) -> dict[int, list[int]]:
    """Return by token when it asked for pages after the first, in [start, end)."""
    log = request_log.c
    query = select(log.token_id, log.timeaccessed).where(
        called_within(start, end), log.token_id.in_(sorted(token_ids)), log.page_offset > 0
    )
    found: dict[int, list[int]] = {}
    for token_id, accessed_ms in connection.execute(query):
        found.setdefault(token_id, []).append(accessed_ms // 1000)
    return found
