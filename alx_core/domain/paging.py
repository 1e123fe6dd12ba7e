"""Paged reads: what the pages of one read show, so that they are complete, disjoint and the same when fetched again.

A read begins at offset 0 and belongs to (token, limit): Moodle's protocol has nothing else to tell reads apart. It is
pinned to the newest published change at its beginning; later offsets see that snapshot, whatever syncs meanwhile.

While a read is going on, another one of the same token and limit joins it (Power BI loads several tables at once, each
of them a read): a new snapshot under the feet of the first would tear its pages. A read is over when its last page was
served, or when nothing was asked for IDLE_S seconds.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from alx_core.domain.company_settings import CompanySettings, SyncMode

IDLE_S = 30
"""Seconds without a page after which an unfinished read no longer holds back new data from the next one."""
SESSION_S = 3600
"""Seconds without a page after which a read can't be continued."""
SNAPSHOT_KEPT_S = 6 * 3600
"""Seconds for which a sync keeps the versions of rows that it replaces."""
TOUCH_S = 5
"""A session's last page is noted at most this often, or when that changes whether a read is going on."""


class ReadMode(StrEnum):
    """What a read shows."""

    FULL = "full"
    INCREMENTAL = "incremental"


@dataclass(frozen=True, slots=True)
class Session:
    """A read: its snapshot, and when pages were served (epoch seconds)."""

    mode: ReadMode
    snapshot_seq: int
    since_seq: int
    since_time: int
    opened_at: float
    last_page_at: float
    finished_at: float | None

    def is_going_on(self, now: float) -> bool:
        """Whether somebody is in the middle of its pages."""
        is_unfinished = self.finished_at is None or self.last_page_at > self.finished_at
        return is_unfinished and now - self.last_page_at < IDLE_S and now - self.opened_at < SESSION_S

    def is_alive(self, now: float) -> bool:
        """Whether later pages can still be read from its snapshot."""
        last = max(self.last_page_at, self.finished_at or 0)
        return now - last < SESSION_S and now - self.opened_at < SNAPSHOT_KEPT_S - SESSION_S


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a client has everything: of the read it finished last, once the next one begins."""

    seq: int
    at: int


def open_session(settings: CompanySettings, *, published_seq: int, position: Position | None, now: float) -> Session:
    """Begin a read of the newest published rows. `position` is where the client stands; None: it never read."""
    mode, since_seq, since_time = ReadMode.FULL, 0, 0
    if settings.sync_mode in (SyncMode.AUTO, SyncMode.INCREMENTAL):
        if position is None:
            mode = ReadMode.INCREMENTAL if settings.first_sync_hours else ReadMode.FULL
            since_time = int(now) - settings.first_sync_hours * 3600 if settings.first_sync_hours else 0
        elif settings.sync_mode is SyncMode.INCREMENTAL or now - position.at <= settings.sync_window_hours * 3600:
            mode, since_seq = ReadMode.INCREMENTAL, position.seq
    return Session(
        mode=mode,
        snapshot_seq=published_seq,
        since_seq=since_seq,
        since_time=since_time,
        opened_at=now,
        last_page_at=now,
        finished_at=None,
    )


def keeps_position(settings: CompanySettings) -> bool:
    """Whether finishing a read moves the client's position."""
    return settings.sync_mode is not SyncMode.STATELESS


def is_same_read(
    session: Session | None, settings: CompanySettings, *, offset: int, published_seq: int, now: float
) -> bool:
    """Whether a request belongs to `session`; otherwise it begins a new read.

    A full read of a snapshot that is still the newest shows the same pages as a new one would: it goes on.
    """
    if session is None or session.snapshot_seq > published_seq:
        return False
    if offset > 0:
        return session.is_alive(now)
    is_always_full = settings.sync_mode in (SyncMode.FULL, SyncMode.STATELESS) and session.mode is ReadMode.FULL
    is_newest = is_always_full and session.snapshot_seq == published_seq and session.is_alive(now)
    return is_newest or session.is_going_on(now)


def after_page(session: Session, *, is_last: bool, now: float) -> Session:
    """Return the session after a page was served."""
    return replace(session, finished_at=now) if is_last else replace(session, last_page_at=now)


def is_worth_noting(before: Session, after: Session, *, now: float) -> bool:
    """Whether the change matters to the next request: it ends or resumes a read, or the last note is old."""
    if before.is_going_on(now) != after.is_going_on(now):
        return True
    noted = max(before.last_page_at, before.finished_at or 0)
    return now - noted > TOUCH_S
