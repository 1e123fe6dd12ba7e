"""The request log by hour: counted in the database, kept in `api_metrics_hourly`.

One statement counts any number of hours in one pass over their log rows, found through the index on `timeaccessed`.
What leaves the database are groups, some dozens per company and hour, never log rows.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Double,
    and_,
    case,
    cast,
    delete,
    func,
    literal,
    null,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from alx_core.domain.freshness import HOUR_S
from alx_core.domain.histogram import BOUNDS_MS, Histogram, bucket_of
from alx_core.domain.metrics import FAILED_AUTH_CODES, NO_COMPANY, Group, HourMetrics, Traffic, fold
from alx_core.store.engine import is_postgresql
from alx_core.store.tables import api_metrics_hourly, request_log

HOUR_MS = HOUR_S * 1000
KEY = ("hour", "companyid")
GROUPING = ("hour", "companyid", "outcome", "bucket")
COUNTS = ("cache_hits", "replays", "rows", "bytes", "charged")
SUMS = (*COUNTS, "failed_auth", "total_us")
WRITE_ROWS = 1_000
"""Rows per statement; SQLite takes no more than 32,766 values in one."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LogExtent:
    """How far the request log reaches. `requests` is an estimate; times are epoch milliseconds."""

    requests: int
    oldest_ms: int
    newest_ms: int


def count_hours(connection: Connection, *, start: int, end: int) -> list[HourMetrics]:
    """Return the figures of all hours in [start, end), epoch seconds on the hour, straight from the log.

    One pass, one statement, so one moment: also where requests come in meanwhile.
    """
    groups, addresses = [], {}
    for row in connection.execute(_count(_cells(connection, start=start, end=end))).mappings():
        if row["addresses"] is None:
            groups.append(_group(row))
        else:
            addresses[int(row["hour"]), int(row["companyid"])] = int(row["addresses"])
    return fold(groups, addresses)


def load_hours(connection: Connection, *, start: int, end: int) -> list[HourMetrics]:
    """Return the figures kept of the hours in [start, end), by hour and company."""
    columns = api_metrics_hourly.c
    query = select(api_metrics_hourly).where(columns.hour >= start, columns.hour < end)
    rows = connection.execute(query.order_by(columns.hour, columns.companyid)).mappings()
    return [metrics_of(row) for row in rows]


def replace_hours(
    connection: Connection, *, metrics: Sequence[HourMetrics], known: Sequence[HourMetrics], now: int
) -> int:
    """Make the rows `known` of some hours into `metrics`; return how many rows moved.

    A row whose figures are the same stays untouched, `computed_at` included; a company without a call any more goes.
    """
    before = {(each.hour, each.companyid): each for each in known}
    gone = before.keys() - {(each.hour, each.companyid) for each in metrics}
    moved = [each for each in metrics if before.get((each.hour, each.companyid)) != each]
    key = tuple_(*(api_metrics_hourly.c[name] for name in KEY))
    for keys in _blocks(sorted(gone)):
        connection.execute(delete(api_metrics_hourly).where(key.in_(keys)))
    for rows in _blocks([{**row_of(each), "computed_at": now} for each in moved]):
        _upsert(connection, rows)
    return len(gone) + len(moved)


def count_calls(connection: Connection, *, start: int, end: int) -> dict[int, int]:
    """Return the requests in the log by hour, for the hours in [start, end)."""
    hour = (request_log.c.timeaccessed // HOUR_MS * HOUR_S).label("hour")
    hours = select(hour).where(_within(start, end)).subquery()
    query = select(hours.c.hour, func.count()).group_by(hours.c.hour)
    return {int(hour): int(calls) for hour, calls in connection.execute(query)}


def log_extent(connection: Connection) -> LogExtent | None:
    """Return about how many requests the log holds, and when the oldest and newest came; None: it is empty.

    From the ids at both ends: counting millions of rows takes seconds, and nobody needs the exact number.
    """
    ends = select(request_log.c.id, request_log.c.timeaccessed).limit(1)
    oldest = connection.execute(ends.order_by(request_log.c.id)).first()
    newest = connection.execute(ends.order_by(request_log.c.id.desc())).first()
    if oldest is None or newest is None:
        return None
    return LogExtent(newest.id - oldest.id + 1, oldest_ms=oldest.timeaccessed, newest_ms=newest.timeaccessed)


def row_of(metrics: HourMetrics) -> dict[str, Any]:
    """Return the columns of an hour's row, all but `computed_at`."""
    traffic = metrics.traffic
    return {
        "hour": metrics.hour,
        "companyid": metrics.companyid,
        "calls": traffic.calls,
        "successes": traffic.successes,
        "errors": traffic.errors,
        "errors_by_code": json.dumps(traffic.errors_by_code, sort_keys=True),
        "cache_hits": traffic.cache_hits,
        "replays": traffic.replays,
        "rows": traffic.rows,
        "bytes": traffic.bytes,
        "mean_ms": traffic.mean_ms,
        "p50_ms": traffic.percentile_ms(50),
        "p95_ms": traffic.percentile_ms(95),
        "p99_ms": traffic.percentile_ms(99),
        "max_ms": traffic.max_ms,
        "histogram": traffic.histogram.dump(),
        "addresses": metrics.addresses,
        "failed_auth": traffic.failed_auth,
        "quota_refusals": traffic.quota_refusals,
        "charged": traffic.charged,
    }


def metrics_of(row: Mapping[Any, Any]) -> HourMetrics:
    """Return a row as figures; the reverse of `row_of`."""
    traffic = Traffic(
        **{name: int(row[name]) for name in (*COUNTS, "failed_auth")},
        calls=int(row["calls"]),
        total_us=round(row["mean_ms"] * 1000 * row["calls"]),
        max_ms=float(row["max_ms"]),
        errors_by_code=json.loads(row["errors_by_code"]),
        histogram=Histogram.parse(row["histogram"]),
    )
    return HourMetrics(int(row["hour"]), int(row["companyid"]), int(row["addresses"]), traffic)


def _cells(connection: Connection, *, start: int, end: int) -> CTE:
    """The log rows of some hours, counted by everything that the figures tell apart."""
    log = request_log.c
    is_refused = and_(log.token_id.is_(None), log.outcome.in_(sorted(FAILED_AUTH_CODES)))
    # Expressions are labelled here and grouped by name: a database can't see that two bound parameters are the same.
    requests = (
        select(
            (log.timeaccessed // HOUR_MS * HOUR_S).label("hour"),
            func.coalesce(log.companyid, NO_COMPANY).label("companyid"),
            log.outcome,
            _bucket(connection).label("bucket"),
            log.ip_address,
            log.cache_hit.label("cache_hits"),
            log.replay.label("replays"),
            log.rows,
            log.bytes,
            log.charged,
            case((is_refused, 1), else_=0).label("failed_auth"),
            # Whole microseconds add up to the same sum in any order, floats do not.
            cast(func.round(log.response_time_ms * 1000), BigInteger).label("total_us"),
            log.response_time_ms,
        )
        .where(_within(start, end))
        .subquery()
    )
    by = [requests.c[name] for name in (*GROUPING, "ip_address")]
    return (
        select(
            *by,
            func.count().label("calls"),
            *(func.sum(requests.c[name]).label(name) for name in SUMS),
            func.max(requests.c.response_time_ms).label("max_ms"),
        )
        .group_by(*by)
        .cte("cells")
    )


def _count(cells: CTE) -> CompoundSelect[Any]:
    """Two tables in one: the groups, `addresses` NULL; and per hour and company the distinct addresses."""
    by = [cells.c[name] for name in GROUPING]
    groups = select(
        *by,
        *(func.sum(cells.c[name]).label(name) for name in ("calls", *SUMS)),
        func.max(cells.c.max_ms).label("max_ms"),
        cast(null(), BigInteger).label("addresses"),
    ).group_by(*by)
    addresses = select(
        cells.c.hour,
        cells.c.companyid,
        literal(""),
        literal(-1),
        *(literal(0) for _ in ("calls", *SUMS)),
        literal(0.0),
        func.count(cells.c.ip_address.distinct()),
    ).group_by(cells.c.hour, cells.c.companyid)
    return union_all(groups, addresses)


def _bucket(connection: Connection) -> ColumnElement[int]:
    """The bucket of a log row's response time; both databases compare with the very bounds of the domain."""
    if is_postgresql(connection):
        return func.width_bucket(request_log.c.response_time_ms, cast(list(BOUNDS_MS), ARRAY(Double())))
    # SQLite is in this process, and need not have logarithms; a call costs half a microsecond.
    sqlite: Any = connection.connection.dbapi_connection
    sqlite.create_function("alx_bucket", 1, bucket_of, deterministic=True)
    return func.alx_bucket(request_log.c.response_time_ms, type_=BigInteger())


def _within(start: int, end: int) -> ColumnElement[bool]:
    return and_(request_log.c.timeaccessed >= start * 1000, request_log.c.timeaccessed < end * 1000)


def _group(row: Mapping[Any, Any]) -> Group:
    numbers = {name: int(row[name]) for name in ("hour", "companyid", "bucket", "calls", *SUMS)}
    return Group(**numbers, outcome=row["outcome"], max_ms=float(row["max_ms"]))


def _upsert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
    statement = insert(api_metrics_hourly)
    changes = {name: statement.excluded[name] for name in rows[0] if name not in KEY}
    connection.execute(statement.on_conflict_do_update(index_elements=KEY, set_=changes), list(rows))


def _blocks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(rows), WRITE_ROWS):
        yield rows[first : first + WRITE_ROWS]
