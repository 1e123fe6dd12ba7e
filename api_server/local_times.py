"""Epoch seconds as PHP's `Y-m-d H:i:s` in a zone, thousands at a time.

`datetime.fromtimestamp` in a zone takes 5 microseconds, a page of 1,000 rows has 2,000 times. Since 1972 no zone has
changed its clocks anywhere but at a quarter of an hour, so each quarter is worked out once: what all its times begin
with, and how its seconds are written.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

QUARTER_S = 900
MOST = 32_768
"""Quarters that are remembered for a zone, in 7 MB: a year has 35,000, and nobody completes courses in all of them."""

SECONDS = tuple(
    tuple(f"{first + second // 60:02}:{second % 60:02}" for second in range(QUARTER_S)) for first in (0, 15, 30, 45)
)
"""Minute and second of all seconds of an hour's four quarters."""


class _OddSeconds:
    """The times of a quarter that begins at no quarter of the local hour: before 1972 some zones kept such time."""

    def __init__(self, first_s: int, zone: ZoneInfo) -> None:
        self._first_s = first_s
        self._zone = zone

    def __getitem__(self, second: int) -> str:
        return str(_local(self._first_s + second, self._zone))


Quarter = tuple[str, tuple[str, ...] | _OddSeconds]
"""What the times of a quarter of an hour begin with, and how each of its seconds goes on."""


class _Quarters(dict[int, Quarter]):
    """A zone's quarters by their number since 1970. A look takes a fifth of `lru_cache`'s time."""

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__()
        self._zone = zone

    def __missing__(self, number: int) -> Quarter:
        if len(self) >= MOST:
            self.clear()
        quarter = self[number] = self._quarter(number * QUARTER_S)
        return quarter

    def _quarter(self, first_s: int) -> Quarter:
        first = _local(first_s, self._zone)
        if first.minute % 15 or first.second:
            return "", _OddSeconds(first_s, self._zone)
        return f"{first.isoformat(' ', 'hours')}:", SECONDS[first.minute // 15]


def local_times(epochs: Sequence[int], zone: ZoneInfo) -> list[str]:
    """Write each of `epochs`, instants of the years 1 to 9999; 0 (none) is the empty text."""
    quarters = _quarters_of(zone)
    return [
        begin + seconds[epoch_s % QUARTER_S] if epoch_s else ""
        for epoch_s in epochs
        for begin, seconds in (quarters[epoch_s // QUARTER_S],)
    ]


@lru_cache(maxsize=16)
def _quarters_of(zone: ZoneInfo) -> _Quarters:
    return _Quarters(zone)


def _local(epoch_s: int, zone: ZoneInfo) -> datetime:
    try:
        return datetime.fromtimestamp(epoch_s, zone).replace(tzinfo=None)
    except OverflowError:  # the last hours of the year 9999: no local time, and no reason to fail a page
        return datetime.fromtimestamp(epoch_s, UTC).replace(tzinfo=None)
