"""The requests of the last 24 hours: complete hours as they were counted, the rest straight from the log.

An hour that nobody counted yet is looked up in the log, so the figures are true also when the pipeline that counts is
dead. The window is exact to the second: its first, cut hour comes from the log as well.

An hour that is over hardly ever changes, so each process remembers it: a counted one until it is counted anew, one from
the log until a request of that hour comes in late. Both are asked at each look.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from alx_core.domain.freshness import HOUR_S
from alx_core.domain.metrics import Traffic
from alx_core.store.monitoring.calls import (
    HourOfCalls,
    Signature,
    Span,
    count_spans,
    find_late_hours,
    load_counted,
    newest_call_id,
    sign_hours,
)

HOURS = 24
SETTLED_S = 300
"""An hour is remembered from the log when it is over for so long; requests reach the log within seconds."""
FORGET_S = 3600
"""What was remembered from the log is looked up again after so long, whatever happened."""
MAX_SPANS = 4

NOTHING = HourOfCalls(Traffic(), {})


@dataclass(frozen=True, slots=True)
class RecentTraffic:
    """Requests from `since` to now, and by clock hour: the HOURS newest ones, oldest first, the running one last.

    `by_company`: the hours by companyid, 0 for requests without one; without histograms, and not put together, because
    hardly anybody asks for more than a few of hundreds. `counted_until`: the end of the newest
    hour that came from the hourly metrics; None: none did.
    """

    since: int
    total: Traffic
    by_company: Mapping[int, Sequence[Traffic]]
    hours: Sequence[tuple[int, Traffic]]
    counted_until: int | None


@dataclass(frozen=True, slots=True)
class _FromLog:
    """An hour remembered from the log at `at`, when the newest request had `newest_id`."""

    calls: HourOfCalls
    newest_id: int
    at: int


class TrafficReader:
    """Reads the traffic of the last 24 hours. One per process; its threads may share it."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._counted: dict[int, tuple[Signature, HourOfCalls]] = {}
        self._from_log: dict[int, _FromLog] = {}
        self._lock = threading.Lock()

    def read(self, connection: Connection, *, now: int) -> RecentTraffic:
        """Return the traffic of the last 24 hours at `now`."""
        since = now - HOURS * HOUR_S
        running = now - now % HOUR_S
        first = running - (HOURS - 1) * HOUR_S
        counted = self._counted_hours(connection, start=first, end=running)
        missing = [hour for hour in range(first, running, HOUR_S) if hour not in counted]
        remembered = self._remembered(connection, missing, running=running, now=now)
        newest_id = newest_call_id(connection)
        gaps = [(hour, hour + HOUR_S) for hour in missing if hour not in remembered]
        fresh = count_spans(connection, join_spans([(since, first), *gaps, (running, now + 1)]))
        self._remember(fresh, [start for start, _ in gaps], newest_id=newest_id, now=now)
        hours = dict(sorted({**fresh, **remembered, **counted}.items()))
        return RecentTraffic(
            since=since,
            total=Traffic.merge(each.total for each in hours.values()),
            by_company=_by_company(hours.values()),
            hours=[(hour, hours.get(hour, NOTHING).total) for hour in range(first, running + 1, HOUR_S)],
            counted_until=max(counted) + HOUR_S if counted else None,
        )

    def _counted_hours(self, connection: Connection, *, start: int, end: int) -> dict[int, HourOfCalls]:
        signatures = sign_hours(connection, start=start, end=end)
        known = self._counted
        moved = [hour for hour, signature in signatures.items() if hour not in known or known[hour][0] != signature]
        loaded = load_counted(connection, moved) if moved else {}
        hours = {hour: loaded[hour] if hour in loaded else known[hour][1] for hour in signatures}
        self._counted = {hour: (signatures[hour], each) for hour, each in hours.items()}
        return hours

    def _remembered(
        self, connection: Connection, missing: Iterable[int], *, running: int, now: int
    ) -> dict[int, HourOfCalls]:
        known = {hour: self._from_log[hour] for hour in missing if hour in self._from_log}
        known = {hour: each for hour, each in known.items() if now - each.at < FORGET_S}
        if not known:
            return {}
        after_id = min(each.newest_id for each in known.values())
        late = find_late_hours(connection, after_id=after_id, before=running)
        return {hour: each.calls for hour, each in known.items() if hour not in late}

    def _remember(self, fresh: Mapping[int, HourOfCalls], hours: Iterable[int], *, newest_id: int, now: int) -> None:
        settled = [hour for hour in hours if now - (hour + HOUR_S) >= SETTLED_S]
        with self._lock:
            kept = {hour: each for hour, each in self._from_log.items() if hour > now - (HOURS + 1) * HOUR_S}
            new = {hour: _FromLog(fresh.get(hour, NOTHING), newest_id, now) for hour in settled}
            self._from_log = kept | new


def join_spans(spans: Iterable[Span]) -> list[Span]:
    """Join spans that touch, then the nearest ones, until there are no more than MAX_SPANS."""
    joined: list[Span] = []
    for start, end in spans:
        if start == end:
            continue
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    while len(joined) > MAX_SPANS:
        nearest = min(range(1, len(joined)), key=lambda index: joined[index][0] - joined[index - 1][1])
        joined[nearest - 1 : nearest + 1] = [(joined[nearest - 1][0], joined[nearest][1])]
    return joined


def _by_company(hours: Iterable[HourOfCalls]) -> dict[int, list[Traffic]]:
    parts: dict[int, list[Traffic]] = defaultdict(list)
    for hour in hours:
        for companyid, traffic in hour.by_company.items():
            parts[companyid].append(traffic)
    return dict(parts)
