"""Epoch seconds as PHP's `Y-m-d H:i:s` in a zone, thousands at a time.

`datetime.fromtimestamp` in a zone takes 5 microseconds, a page of 1,000 rows has 2,000 times. A zone's offset is asked
for once in a quarter of an hour (since 1972 no zone has changed its clocks anywhere else), a date is written once a
day.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

DAY_S = 86_400
QUARTER_S = 900
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
MOST = 65_536
TWO_DIGITS = tuple(f"{number:02}" for number in range(60))
MINUTES = tuple(f"{TWO_DIGITS[hour]}:{minute}" for hour in range(24) for minute in TWO_DIGITS)
"""A day's minutes as they are written."""

Value = TypeVar("Value")


class _Memo(dict[int, Value], Generic[Value]):
    """What `make` returned for each number; up to MOST of them. A look takes a fifth of `lru_cache`'s."""

    def __init__(self, make: Callable[[int], Value]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, number: int) -> Value:
        if len(self) >= MOST:
            self.clear()
        value = self[number] = self._make(number)
        return value


def local_times(epochs: Sequence[int], zone: ZoneInfo) -> list[str]:
    """Write each of `epochs`, instants of the years 1 to 9999; 0 (none) is the empty text."""
    offsets, dates, minutes, seconds = _offsets_of(zone), _DATES, MINUTES, TWO_DIGITS
    return [
        f"{dates[local_s // DAY_S]} {minutes[local_s % DAY_S // 60]}:{seconds[local_s % 60]}" if epoch_s else ""
        for epoch_s in epochs
        for local_s in (epoch_s + offsets[epoch_s // QUARTER_S],)
    ]


@lru_cache(maxsize=16)
def _offsets_of(zone: ZoneInfo) -> _Memo[int]:
    """Seconds that `zone` is ahead of UTC, by quarter of an hour since 1970."""

    def offset_s(quarter: int) -> int:
        try:
            offset = datetime.fromtimestamp(quarter * QUARTER_S, UTC).astimezone(zone).utcoffset()
        except OverflowError:  # the last hours of the year 9999: no local time, and no reason to fail a page
            return 0
        return 0 if offset is None else int(offset.total_seconds())

    return _Memo(offset_s)


_DATES = _Memo(lambda day: date.fromordinal(EPOCH_ORDINAL + day).isoformat())
