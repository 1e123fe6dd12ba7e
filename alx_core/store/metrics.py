"""The request log by hour: counted in the database, kept in `api_metrics_hourly`.

One statement counts any number of hours in one pass over their log rows, found through the index on `timeaccessed`.
What leaves the database is one row per hour and company.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Function,
    Select,
    Subquery,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    select,
    tuple_,
)

from alx_core.domain.freshness import HOUR_S
from alx_core.domain.histogram import BOUNDS_MS, Histogram, bucket_of
from alx_core.domain.metrics import NO_COMPANY, HourMetrics, Traffic
from alx_core.domain.outcomes import OK
from alx_core.store.engine import insert_into, is_postgresql
from alx_core.store.request_log import HOUR_MS, IS_FAILED_AUTH, called_within
from alx_core.store.tables import api_metrics_hourly, request_log

KEY = ("hour", "companyid")
COUNTS = ("cache_hits", "replays", "rows", "bytes", "charged", "failed_auth")
SUMS = (*COUNTS, "total_us")
SQLITE_BUCKET = "alx_bucket"
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
    is_server = knows_buckets(connection)
    window = {"start_ms": start * 1000, "end_ms": end * 1000}
    rows = connection.execute(_count(is_server=is_server), window).mappings()
    return [_metrics(row, total_us=int(row["total_us"])) for row in rows]


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
    hours = select(hour).where(called_within(start, end)).subquery()
    query = select(hours.c.hour, func.count()).group_by(hours.c.hour)
    return {int(hour): int(calls) for hour, calls in connection.execute(query)}


def recorded_calls(connection: Connection, *, start: int, end: int) -> dict[int, int]:
    """Return the calls recorded by hour, all companies together, for the hours in [start, end)."""
    columns = api_metrics_hourly.c
    query = select(columns.hour, func.sum(columns.calls)).where(columns.hour >= start, columns.hour < end)
    return {int(hour): int(calls) for hour, calls in connection.execute(query.group_by(columns.hour))}


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


def oldest_call_ms(connection: Connection) -> int | None:
    """Return the earliest time in the log, epoch milliseconds; None: it is empty. An index has it at hand."""
    oldest: int | None = connection.scalar(select(func.min(request_log.c.timeaccessed)))
    return oldest


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
    return _metrics(row, total_us=round(row["mean_ms"] * 1000 * row["calls"]))


def _metrics(row: Mapping[Any, Any], *, total_us: int) -> HourMetrics:
    traffic = Traffic(
        **{name: int(row[name]) for name in ("calls", *COUNTS)},
        total_us=total_us,
        max_ms=float(row["max_ms"]),
        errors_by_code=dict(sorted(json.loads(row["errors_by_code"]).items())),
        histogram=Histogram.parse(row["histogram"]),
    )
    return HourMetrics(int(row["hour"]), int(row["companyid"]), int(row["addresses"]), traffic)


def _requests(*, is_server: bool) -> CTE:
    """The log rows of some hours, with what is counted of them. Expressions get their names here, to be grouped by."""
    log = request_log.c
    query = select(
        (log.timeaccessed // HOUR_MS * HOUR_S).label("hour"),
        func.coalesce(log.companyid, NO_COMPANY).label("companyid"),
        log.outcome,
        time_bucket(is_server=is_server).label("bucket"),
        # By bytes: the rules of a language make sorting addresses three times as slow.
        (log.ip_address.collate("C") if is_server else log.ip_address).label("ip_address"),
        log.cache_hit.label("cache_hits"),
        log.replay.label("replays"),
        log.rows,
        log.bytes,
        log.charged,
        case((IS_FAILED_AUTH, 1), else_=0).label("failed_auth"),
        # Whole microseconds add up to the same sum in any order, floats do not.
        cast(func.round(log.response_time_ms * 1000), BigInteger).label("total_us"),
        log.response_time_ms,
    ).where(log.timeaccessed >= bindparam("start_ms"), log.timeaccessed < bindparam("end_ms"))
    return query.cte("requests")


@cache
def _count(*, is_server: bool) -> Select[Any]:
    """One row per hour and company; the histogram and the errors come as JSON, so that few rows say it all.

    Made once for each kind of database: that takes longer than an hour's counting.
    """
    requests = _requests(is_server=is_server)
    keys = [requests.c[name] for name in KEY]
    totals = (
        select(
            *keys,
            func.count().label("calls"),
            *(func.sum(requests.c[name]).label(name) for name in SUMS),
            func.max(requests.c.response_time_ms).label("max_ms"),
            func.count(requests.c.ip_address.distinct()).label("addresses"),
        )
        .group_by(*keys)
        .subquery()
    )
    by_bucket = select(*keys, requests.c.bucket, func.count().label("calls")).group_by(*keys, requests.c.bucket)
    by_error = select(*keys, requests.c.outcome, func.count().label("calls")).where(requests.c.outcome != OK)
    histograms = _as_json(by_bucket, "bucket", is_server=is_server)
    errors = _as_json(by_error.group_by(*keys, requests.c.outcome), "outcome", is_server=is_server)
    return (
        select(
            totals,
            histograms.c.calls_by.label("histogram"),
            func.coalesce(errors.c.calls_by, "{}").label("errors_by_code"),
        )
        .join_from(totals, histograms, _same_key(totals, histograms))
        .outerjoin(errors, _same_key(totals, errors))
        .order_by(totals.c.hour, totals.c.companyid)
    )


def _as_json(counted: Select[Any], what: str, *, is_server: bool) -> Subquery:
    """Put the calls by hour, company and `what` into one JSON object per hour and company: `calls_by`."""
    rows = counted.subquery()
    as_object = func.json_object_agg if is_server else func.json_group_object
    calls_by = cast(as_object(rows.c[what], rows.c.calls), Text)
    keys = [rows.c[name] for name in KEY]
    return select(*keys, calls_by.label("calls_by")).group_by(*keys).subquery()


def _same_key(left: FromClause, right: FromClause) -> ColumnElement[bool]:
    return and_(*(left.c[name] == right.c[name] for name in KEY))


def knows_buckets(connection: Connection) -> bool:
    """Make sure that the connection's database can work out `time_bucket`; return its `is_server`."""
    if is_postgresql(connection):
        return True
    # SQLite is in this process, and need not have logarithms; a call costs half a microsecond.
    sqlite: Any = connection.connection.dbapi_connection
    sqlite.create_function(SQLITE_BUCKET, 1, bucket_of, deterministic=True)
    return False


def time_bucket(*, is_server: bool) -> ColumnElement[int]:
    """Return the bucket of a log row's response time; both databases compare with the very bounds of the domain."""
    time_ms = request_log.c.response_time_ms
    if is_server:
        return func.width_bucket(time_ms, cast(list(BOUNDS_MS), ARRAY(Double())))
    return Function(SQLITE_BUCKET, time_ms, type_=BigInteger())


def _upsert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    statement = insert_into(connection, api_metrics_hourly)
    changes = {name: statement.excluded[name] for name in rows[0] if name not in KEY}
    connection.execute(statement.on_conflict_do_update(index_elements=KEY, set_=changes), list(rows))


def _blocks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(rows), WRITE_ROWS):
        yield rows[first : first + WRITE_ROWS]
