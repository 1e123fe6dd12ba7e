"""How the reporting table stands, from its own books alone: true also when Dagster is dead."""

from sqlalchemy import Connection

from alx_core.domain.freshness import SyncHealth, judge
from alx_core.store.monitoring.syncs import count_runs
from alx_core.store.runs import last_success, running_since

DAY_S = 86_400


def sync_health(connection: Connection, *, now: int, stale_after_s: float) -> SyncHealth:
    """Return the table's state at `now` (epoch seconds)."""
    success = last_success(connection, now=now)
    return judge(
        now=now,
        last_success_at=success[0] if success else None,
        covered_until=success[1] if success else None,
        running_since=running_since(connection),
        stale_after_s=stale_after_s,
    )


def success_pct(connection: Connection, *, now: int, days: int = 7) -> float | None:
    """Return how many percent of the runs of the last `days` days that are over succeeded; None when none is over.

    A run in which any company failed did not succeed, and neither did one that was killed.
    """
    counted = count_runs(connection, since=now - days * DAY_S)
    runs = sum(number for _, _, number in counted)
    succeeded = sum(number for _, status, number in counted if status == "succeeded")
    return 100 * succeeded / runs if runs else None
