"""Is the reporting table fresh? Rules about hours and runs, the same for the sensor, the page and `alx status`."""

from dataclasses import dataclass
from enum import StrEnum

HOUR_S = 3600
SYNC_AT_S = 300
"""The schedule's minute: five past each hour."""
OVERDUE_AFTER_S = 600
"""A sync that has not begun so long after its time will not come by itself: Dagster is down or its schedule is off."""


class Freshness(StrEnum):
    """How the table stands."""

    NEVER = "never"
    """No sync ever succeeded."""
    FRESH = "fresh"
    STALE = "stale"
    """The newest sync that succeeded is too long ago."""


@dataclass(frozen=True, slots=True)
class SyncHealth:
    """The table's state at `now`; all times are epoch seconds.

    `last_success_at`: when the newest hour was last synced for every company. `covered_until`: the end of that hour.
    """

    now: int
    freshness: Freshness
    last_success_at: int | None
    covered_until: int | None
    next_sync_at: int
    running_since: int | None

    @property
    def age_s(self) -> int | None:
        """Seconds since the last success."""
        return None if self.last_success_at is None else max(0, self.now - self.last_success_at)


def judge(
    *,
    now: int,
    last_success_at: int | None,
    covered_until: int | None,
    running_since: int | None,
    stale_after_s: float,
) -> SyncHealth:
    """Judge the freshness: stale when the last success is more than `stale_after_s` seconds ago."""
    if last_success_at is None:
        freshness = Freshness.NEVER
    else:
        freshness = Freshness.STALE if now - last_success_at > stale_after_s else Freshness.FRESH
    return SyncHealth(
        now=now,
        freshness=freshness,
        last_success_at=last_success_at,
        covered_until=covered_until,
        next_sync_at=next_sync_at(now),
        running_since=running_since,
    )


def next_sync_at(now: int) -> int:
    """Return the next instant, five past an hour, at which the schedule ticks."""
    tick = now - now % HOUR_S + SYNC_AT_S
    return tick if tick > now else tick + HOUR_S


def is_overdue(due_at: int, *, running_since: int | None, now: int) -> bool:
    """Whether the sync due at `due_at`, the first tick after the newest one's start, has not come and will not."""
    return running_since is None and now - due_at > OVERDUE_AFTER_S
