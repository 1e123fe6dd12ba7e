"""The hourly metrics: counted from the request log, kept while the log behind them is purged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from alx_core.domain.freshness import HOUR_S
from alx_core.domain.metrics import HourMetrics
from alx_core.services.unusual import note_addresses
from alx_core.store.metrics import count_calls, count_hours, load_hours, log_extent, replace_hours


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording some hours did: the figures that now stand, by hour and company, and how many rows moved."""

    metrics: Sequence[HourMetrics]
    rows_moved: int


def record_hours(connection: Connection, *, start: int, end: int, now: int) -> Recorded:
    """Make `api_metrics_hourly` say of the hours in [start, end) what the log says; the caller owns the transaction.

    Any hour may be recorded again and again: the same log gives the same rows. An hour whose log rows were purged
    keeps what was recorded before.
    """
    known = load_hours(connection, start=start, end=end)
    counted = count_hours(connection, start=start, end=end)
    purged = _purged_hours(connection, known, counted)
    fresh = [each for each in counted if each.hour not in purged]
    old = [each for each in known if each.hour not in purged]
    moved = replace_hours(connection, metrics=fresh, known=old, now=now)
    note_addresses(connection, start=start, end=end, now=now)
    kept = [each for each in known if each.hour in purged]
    standing = sorted([*fresh, *kept], key=lambda each: (each.hour, each.companyid))
    return Recorded(standing, moved)


def late_hours(connection: Connection, *, start: int, end: int) -> list[int]:
    """Return the hours in [start, end) of which the log knows more requests than were recorded.

    An API process that was killed, or cut off from the database, leaves a file of requests that another one carries
    over later: hours that were recorded before.
    """
    recorded = Counter[int]()
    for each in load_hours(connection, start=start, end=end):
        recorded[each.hour] += each.traffic.calls
    logged = count_calls(connection, start=start, end=end)
    return sorted(hour for hour, calls in logged.items() if calls > recorded[hour])


def first_hour(connection: Connection) -> int | None:
    """Return the hour of the oldest request in the log, epoch seconds; None while there was none."""
    extent = log_extent(connection)
    return None if extent is None else extent.oldest_ms // 1000 // HOUR_S * HOUR_S


def _purged_hours(connection: Connection, known: Sequence[HourMetrics], counted: Sequence[HourMetrics]) -> set[int]:
    """The hours, up to the one with the oldest log row, that once had more requests than the log still holds."""
    oldest = first_hour(connection)
    calls = Counter[int]()
    for each in known:
        calls[each.hour] += each.traffic.calls
    for each in counted:
        calls[each.hour] -= each.traffic.calls
    return {hour for hour, missing in calls.items() if missing > 0 and (oldest is None or hour <= oldest)}
