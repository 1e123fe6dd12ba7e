"""When people learn: in working hours, mostly. A clock that runs fast in office hours and nearly stands at night."""

import numpy as np

from alx_cli.demo.columns import FloatArray, IntArray

HOUR_S, DAY_S = 3_600, 86_400

# Share of an hour's work that gets done, by local hour of the day; a shape by eye, not a measurement.
_HOURS = np.array(
    [2, 1, 1, 1, 1, 3, 10, 35, 75, 100, 100, 90, 45, 70, 95, 90, 70, 40, 20, 14, 12, 10, 6, 3], dtype=np.float64
) / 100  # fmt: skip
_WEEKDAYS = np.array([1.0, 1.0, 0.95, 0.9, 0.7, 0.08, 0.05], dtype=np.float64)  # Monday first


class WorkClock:
    """Translates instants (Unix epoch seconds) into hours worked since the clock's start, and back.

    Evenly spread working hours become instants with the rhythm of a working week. One clock serves all time zones: it
    runs in local time, and each instant comes with its place's offset from UTC.
    """

    def __init__(self, *, start: int, end: int) -> None:
        """Make a clock for the instants from `start` to `end`, anywhere on earth."""
        first = (start - DAY_S) // HOUR_S * HOUR_S
        self._edges = np.arange(first, end + DAY_S + HOUR_S, HOUR_S, dtype=np.int64)
        hours = self._edges[:-1]
        weekday = (hours // DAY_S + 3) % 7  # the epoch began on a Thursday
        weights = _HOURS[(hours // HOUR_S) % 24] * _WEEKDAYS[weekday]
        self._worked = np.concatenate([[0.0], np.cumsum(weights)])

    def worked_h(self, instants: IntArray, utc_offset_s: IntArray) -> FloatArray:
        """Return the hours worked until each instant."""
        worked: FloatArray = np.interp(instants + utc_offset_s, self._edges, self._worked)
        return worked

    def instants(self, worked_h: FloatArray, utc_offset_s: IntArray) -> IntArray:
        """Return the instant at which each number of hours was worked."""
        return np.interp(worked_h, self._worked, self._edges).astype(np.int64) - utc_offset_s

    def draw(self, dice: np.random.Generator, *, after: IntArray, before: IntArray, utc_offset_s: IntArray) -> IntArray:
        """Draw one instant in each [after, before] with the rhythm of a working week."""
        low, high = self.worked_h(after, utc_offset_s), self.worked_h(before, utc_offset_s)
        drawn = self.instants(low + (high - low) * dice.random(len(after)), utc_offset_s)
        return np.clip(drawn, after, before)
