"""The requests of the last 24 hours: complete hours as they were counted, the rest straight from the log.

An hour that nobody counted yet, or that had no request, is looked up in the log, so the figures are true also when the
pipeline that counts is dead. The window is exact to the second: its first, cut hour comes from the log as well.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from alx_core.domain.freshness import HOUR_S
from alx_core.domain.metrics import HourMetrics, Traffic
from alx_core.store.metrics import count_hours, load_hours

HOURS = 24
MAX_GAPS = 4
"""Looks into the log for one view. More gaps than these are put together: each is cheap, their number has an end."""

Span = tuple[int, int]
"""[start, end), epoch seconds."""


@dataclass(frozen=True, slots=True)
class RecentTraffic:
    """Requests from `since` to now, and by clock hour: the HOURS newest ones, oldest first, the running one last.

    `by_company`: by companyid, 0 for requests without one. `counted_until`: the end of the newest hour that came from
    the hourly metrics; None: none did.
    """

    since: int
    total: Traffic
    by_company: Mapping[int, Traffic]
    hours: Sequence[tuple[int, Traffic]]
    counted_until: int | None


def recent_traffic(connection: Connection, *, now: int) -> RecentTraffic:
    """Return the traffic of the last 24 hours at `now`."""
    since = now - HOURS * HOUR_S
    running = now - now % HOUR_S
    first = running - (HOURS - 1) * HOUR_S
    kept = load_hours(connection, start=first, end=running)
    counted = {each.hour for each in kept}
    gaps = find_gaps(counted, start=first, end=running)
    # The running hour is never counted, and the last gap may well reach up to it.
    spans = close_up([(since, first), *gaps, (running, now + 1)])
    parts = [*kept, *(part for start, end in spans for part in count_hours(connection, start=start, end=end))]
    unique = {(part.hour, part.companyid): part for part in reversed(parts)}.values()
    by_hour, by_company = _group(unique)
    return RecentTraffic(
        since=since,
        total=Traffic.merge(by_hour.values()),
        by_company=by_company,
        hours=[(hour, by_hour.get(hour, Traffic())) for hour in range(first, running + HOUR_S, HOUR_S)],
        counted_until=max(counted) + HOUR_S if counted else None,
    )


def find_gaps(counted: Iterable[int], *, start: int, end: int) -> list[Span]:
    """Return the spans of hours in [start, end) that are not in `counted`."""
    known = set(counted)
    missing = [(hour, hour + HOUR_S) for hour in range(start, end, HOUR_S) if hour not in known]
    return _joined(missing)


def close_up(spans: Sequence[Span]) -> list[Span]:
    """Join spans that touch, then the nearest ones, until there are no more than MAX_GAPS."""
    joined = _joined(span for span in spans if span[0] < span[1])
    while len(joined) > MAX_GAPS:
        nearest = min(range(1, len(joined)), key=lambda index: joined[index][0] - joined[index - 1][1])
        joined[nearest - 1 : nearest + 1] = [(joined[nearest - 1][0], joined[nearest][1])]
    return joined


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _group(parts: Iterable[HourMetrics]) -> tuple[dict[int, Traffic], dict[int, Traffic]]:
    """Merge by hour and by company."""
    hours: dict[int, list[Traffic]] = defaultdict(list)
    companies: dict[int, list[Traffic]] = defaultdict(list)
    for part in parts:
        hours[part.hour].append(part.traffic)
        companies[part.companyid].append(part.traffic)
    return (
        {hour: Traffic.merge(traffic) for hour, traffic in hours.items()},
        {companyid: Traffic.merge(traffic) for companyid, traffic in companies.items()},
    )
