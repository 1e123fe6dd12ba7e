"""How the reporting table stands, from its own books alone: true also when Dagster is dead."""

from sqlalchemy import Connection

from alx_core.domain.freshness import SyncHealth, judge
from alx_core.store.runs import last_success, running_since


def sync_health(connection: Connection, *, now: int, stale_after_s: float) -> SyncHealth:
    """Return the table's state at `now` (epoch seconds)."""
    success = last_success(connection)
    return judge(
        now=now,
        last_success_at=success[0] if success else None,
        covered_until=success[1] if success else None,
        running_since=running_since(connection),
        stale_after_s=stale_after_s,
    )
