"""The hourly metrics: counted from the request log, kept while the log behind them is purged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from alx_core.domain.freshness import HOUR_S
from alx_core.domain.metrics import HourMetrics
from alx_core.store.engine import connect, transaction
from alx_core.store.metrics import (
    count_calls,
    count_hours,
    load_hours,
    log_extent,
    oldest_call_ms,
    recorded_calls,
    replace_hours,
)
from alx_core.store.unusual import forget_uses, last_recorded_hour, note_uses, token_uses

KEEP_ADDRESSES_S = 180 * 86_400
"""An address that a token was not used from for so long is new again. The log itself is kept for less."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording some hours did: the figures that now stand, by hour and company, and how many rows moved."""

    metrics: Sequence[HourMetrics]
    rows_moved: int


def record_hours(engine: Engine, *, start: int, end: int, now: int) -> Recorded:
    """Make `api_metrics_hourly` say of the hours in [start, end) what the log says, in one transaction.

    Any hour may be recorded again and again: the same log gives the same rows. An hour whose log rows were purged
    keeps what was recorded before. Counting comes before the transaction: while a month is counted, SQLite's one place
    for a writer stays free.
    """
    with connect(engine) as connection:
        counted = count_hours(connection, start=start, end=end)
        uses = token_uses(connection, start=start, end=end)
        extent = log_extent(connection)
    with transaction(engine) as connection:
        known = load_hours(connection, start=start, end=end)
        purged = _purged_hours(known, counted, None if extent is None else extent.oldest_ms // 1000)
        fresh = [each for each in counted if each.hour not in purged]
        moved = replace_hours(
            connection, metrics=fresh, known=[each for each in known if each.hour not in purged], now=now
        )
        note_uses(connection, uses)
        forget_uses(connection, before=now - KEEP_ADDRESSES_S)
    kept = [each for each in known if each.hour in purged]
    return Recorded(sorted([*fresh, *kept], key=lambda each: (each.hour, each.companyid)), moved)


def late_hours(connection: Connection, *, start: int, end: int) -> list[int]:
    """Return the hours in [start, end) of which the log knows more requests than were recorded.

    An API process that was killed, or cut off from the database, leaves a file of requests that another one carries
    over later: hours that were recorded before.
    """
    recorded = recorded_calls(connection, start=start, end=end)
    logged = count_calls(connection, start=start, end=end)
    return sorted(hour for hour, calls in logged.items() if calls > recorded.get(hour, 0))


def first_hour(connection: Connection) -> int | None:
    """Return the hour of the oldest request in the log, epoch seconds; None while there was none.

    The oldest by its time: the first one that came may be of a clock that ran ahead.
    """
    oldest_ms = oldest_call_ms(connection)
    return None if oldest_ms is None else oldest_ms // 1000 // HOUR_S * HOUR_S


def newest_hour(connection: Connection, *, now: int) -> list[HourMetrics]:
    """Return the figures, by company, of the newest complete hour at `now` that has any; empty when none has."""
    hour = last_recorded_hour(connection, before=now // HOUR_S * HOUR_S)
    return [] if hour is None else load_hours(connection, start=hour, end=hour + HOUR_S)


def _purged_hours(known: Sequence[HourMetrics], counted: Sequence[HourMetrics], oldest: int | None) -> set[int]:
    """The hours, up to the one with the log's first row, that once had more requests than the log still holds.

    `oldest` is when that row came. The purge goes by rows too: one that came late may be older and still be there.
    """
    calls = Counter[int]()
    for each in known:
        calls[each.hour] += each.traffic.calls
    for each in counted:
        calls[each.hour] -= each.traffic.calls
    return {hour for hour, missing in calls.items() if missing > 0 and (oldest is None or hour <= oldest)}
