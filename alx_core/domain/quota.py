"""The day of the quota: local, from midnight to midnight of ALX_TIMEZONE."""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

WARN_SHARE = 0.8
"""From this share of the quota on a company is warned."""


def usage_day(now: float, zone: ZoneInfo) -> str:
    """Return the local date at `now` (epoch seconds), as 2026-11-24.

    Counting by date makes the days on which the clocks change count as one day, of 23 or 25 hours.
    """
    return _date(int(now // 1), zone)


@lru_cache(maxsize=16)
def _date(second: int, zone: ZoneInfo) -> str:
    """Worked out once for all requests of a second: no zone's day begins within one."""
    return datetime.fromtimestamp(second, zone).date().isoformat()


def resets_at(now: float, zone: ZoneInfo) -> int:
    """Return when the quota of the day at `now` ends: the first second of the next local date (epoch seconds)."""
    tomorrow = datetime.fromtimestamp(now, zone).date() + timedelta(days=1)
    # Where clocks go forward at midnight, 00:00 does not exist; the instant is that of the gap all the same.
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)
    # Where clocks go back just after midnight, the old day comes back, and midnight with it.
    return next(at for fold in (0, 1) if (at := int(midnight.replace(fold=fold).timestamp())) > now or fold)
