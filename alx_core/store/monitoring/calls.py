"""The request log as the performance tab counts it: by hour and company, and by hour and response time.

`store/metrics.py` counts for keeps, by all of these at once and with distinct addresses. A page needs less and can't
wait: this is one pass over the log and some thousand short rows for a day of two hundred companies.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Connection,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)

from alx_core.domain.freshness import HOUR_S
from alx_core.domain.histogram import Histogram
from alx_core.domain.metrics import NO_COMPANY, Traffic
from alx_core.domain.outcomes import OK
from alx_core.store.metrics import knows_buckets, metrics_of, time_bucket
from alx_core.store.request_log import HOUR_MS
from alx_core.store.tables import api_metrics_hourly, request_log
from alx_core.store.tables.common import LAST_ID

Span = tuple[int, int]
"""[start, end), epoch seconds."""
Signature = tuple[int, int]
"""Tells whether an hour's metrics changed: how many rows, and when the newest of them was computed."""
EMPTY = Histogram()


@dataclass(frozen=True, slots=True)
class HourOfCalls:
    """An hour, or a part of one. The histogram is of all companies together; those of `by_company` are empty."""

    total: Traffic
    by_company: Mapping[int, Traffic]

    @classmethod
    def of(cls, by_company: Mapping[int, Traffic], histogram: Histogram) -> "HourOfCalls":
        """Put an hour together from its companies, without their histograms, and the histogram of them all."""
        return cls(replace(Traffic.merge(by_company.values()), histogram=histogram), by_company)


def sign_hours(connection: Connection, *, start: int, end: int) -> dict[int, Signature]:
    """Return the hours in [start, end) that were counted, each with its signature."""
    row = api_metrics_hourly.c
    query = (
        select(row.hour, func.count(), func.max(row.computed_at))
        .where(row.hour >= start, row.hour < end)
        .group_by(row.hour)
    )
    return {int(hour): (int(rows), int(newest)) for hour, rows, newest in connection.execute(query)}


def load_counted(connection: Connection, hours: Iterable[int]) -> dict[int, HourOfCalls]:
    """Return hours as they were counted for keeps."""
    query = select(api_metrics_hourly).where(api_metrics_hourly.c.hour.in_(list(hours)))
    companies: dict[int, dict[int, Traffic]] = defaultdict(dict)
    histograms: dict[int, list[Histogram]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        metrics = metrics_of(row)
        companies[metrics.hour][metrics.companyid] = replace(metrics.traffic, histogram=EMPTY)
        histograms[metrics.hour].append(metrics.traffic.histogram)
    return {hour: HourOfCalls.of(each, Histogram.merge(histograms[hour])) for hour, each in companies.items()}


def newest_call_id(connection: Connection) -> int:
    """Return the id of the newest request in the log; 0 when it is empty."""
    return int(connection.execute(select(func.coalesce(func.max(request_log.c.id), 0))).scalar_one())


def find_late_hours(connection: Connection, *, after_id: int, before: int) -> set[int]:
    """Return the hours before `before` in which requests lie that came into the log after `after_id`."""
    hour = (request_log.c.timeaccessed // HOUR_MS * HOUR_S).label("hour")
    is_new = request_log.c.id.between(after_id + 1, LAST_ID)  # with an end: see `called_since`
    query = select(hour).where(is_new, request_log.c.timeaccessed < before * 1000).distinct()
    return {int(each) for each in connection.execute(query).scalars()}


def count_spans(connection: Connection, spans: Sequence[Span]) -> dict[int, HourOfCalls]:
    """Count the requests of some spans, by the hour they lie in; an hour without any is left out."""
    is_server = knows_buckets(connection)
    bounds = {f"start_{index}": start * 1000 for index, (start, _) in enumerate(spans)}
    bounds |= {f"end_{index}": end * 1000 for index, (_, end) in enumerate(spans)}
    rows = connection.execute(_companies_and_times(len(spans), is_server=is_server), bounds)
    return _fold(tuple(row) for row in rows)


@cache
def _companies_and_times(spans: int, *, is_server: bool) -> CompoundSelect[Any]:
    """Two tables in one, made in one pass: bucket -1 are the companies' figures, the others count response times."""
    log = request_log.c
    within = (
        and_(log.timeaccessed >= bindparam(f"start_{index}"), log.timeaccessed < bindparam(f"end_{index}"))
        for index in range(spans)
    )
    calls = (
        select(
            (log.timeaccessed // HOUR_MS * HOUR_S).label("hour"),
            func.coalesce(log.companyid, NO_COMPANY).label("companyid"),
            log.outcome,
            time_bucket(is_server=is_server).label("bucket"),
            log.cache_hit,
            log.rows,
            log.bytes,
            # Whole microseconds add up to the same sum in any order, floats do not.
            cast(func.round(log.response_time_ms * 1000), BigInteger).label("us"),
            log.response_time_ms.label("ms"),
        )
        .where(or_(*within))
        .cte("calls")
    )
    row = calls.c
    sums = (func.sum(row.cache_hit), func.sum(row.rows), func.sum(row.bytes), func.sum(row.us), func.max(row.ms))
    zeros = (literal(0), literal(0), literal(0), literal(0), literal(0.0))
    by_company = (row.hour, row.companyid, row.outcome)
    return union_all(
        select(*by_company, literal(-1), func.count(), *sums).group_by(*by_company),
        select(row.hour, literal(0), literal(""), row.bucket, func.count(), *zeros).group_by(row.hour, row.bucket),
    )


def _fold(rows: Iterable[tuple[Any, ...]]) -> dict[int, HourOfCalls]:
    parts: dict[int, dict[int, list[Traffic]]] = defaultdict(lambda: defaultdict(list))
    histograms: dict[int, dict[int, int]] = defaultdict(dict)
    for hour, companyid, outcome, bucket, calls, hits, served, sent, total_us, max_ms in rows:
        if bucket >= 0:
            histograms[int(hour)][int(bucket)] = int(calls)
            continue
        traffic = Traffic(
            calls=int(calls),
            cache_hits=int(hits),
            rows=int(served),
            bytes=int(sent),
            total_us=int(total_us),
            max_ms=float(max_ms),
            errors_by_code={} if outcome == OK else {outcome: int(calls)},
        )
        parts[int(hour)][int(companyid)].append(traffic)
    return {
        hour: HourOfCalls.of({key: _merged(each) for key, each in companies.items()}, Histogram(histograms[hour]))
        for hour, companies in parts.items()
    }


def _merged(parts: Sequence[Traffic]) -> Traffic:
    return parts[0] if len(parts) == 1 else Traffic.merge(parts)
