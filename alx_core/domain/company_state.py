"""How a company stands in the reporting table, in one word."""

from enum import StrEnum


class CompanyState(StrEnum):
    """The states, in the order in which the table is sorted.

    Which of two that are true counts: `store.monitoring.syncs._state`.
    """

    FAILED = "failed"
    """The last sync could not write it; its rows are as they were."""
    STALE = "stale"
    """Not brought up to date for longer than `ALX_SYNC_STALE_HOURS`."""
    NEVER = "never"
    """No sync has reached it yet."""
    SYNCED = "synced"
    SUSPENDED = "suspended"
    """Suspended in Moodle: its tokens are refused."""
    GONE = "gone"
    """Moodle no longer has it."""
