"""Paged reads: what the pages of one read show, so that they are complete, disjoint and the same when fetched again.

A read begins at offset 0 and belongs to (token, limit): Moodle's protocol has nothing else to tell reads apart. It is
pinned to the newest published change at its beginning; later offsets see that snapshot, whatever syncs meanwhile.

While a read is going on, another one of the same token and limit joins it (Power BI loads several tables at once, each
of them a read): a new snapshot under the feet of the first would tear its pages. So the session counts the reads that
got a first page and those that got the last one. A read whose pages stop is forgotten after IDLE_S seconds.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from alx_core.domain.clocks import is_of_the_future
from alx_core.domain.company_settings import CompanySettings, SyncMode

IDLE_S = 30
"""Seconds without a page after which an unfinished read no longer holds back new data from the next one."""
LAST_CALL_S = 2
"""Seconds after a full last page in which a lone read may still ask for an empty one, to see the end."""
SEVERAL_S = 10
"""Seconds without a page after which several reads that all seem to have ended are over: a last page asked for twice
counts for two reads, and Power Query asks on until `List.Count([p]) = 0`."""
SESSION_S = 3600
"""Seconds without a page after which a read can't be continued."""
SNAPSHOT_KEPT_S = 6 * 3600
"""Seconds for which a sync keeps the versions of rows that it replaces."""
TOUCH_S = 5
"""A session's last page is noted at most this often, unless it ends a read or is a full one."""


class ReadMode(StrEnum):
    """What a read shows."""

    FULL = "full"
    INCREMENTAL = "incremental"


@dataclass(frozen=True, slots=True)
class Session:
    """A read, and those that joined it: its snapshot, and when pages were served (epoch seconds).

    `opened_at` is when its snapshot was last known to be the newest. `view` says what was hidden when it began.
    `snapshot_id` tells its snapshot from one that had the same number before the database was restored.
    """

    mode: ReadMode
    snapshot_seq: int
    since_seq: int
    since_time: int
    opened_at: float
    last_page_at: float
    finished_at: float | None
    reads_begun: int = 0
    reads_finished: int = 0
    view: str = ""
    snapshot_id: str = ""

    @property
    def shown(self) -> tuple[object, ...]:
        """What its pages show, whoever opened it and when."""
        return self.mode, self.snapshot_id, self.snapshot_seq, self.since_seq, self.since_time, self.view

    @property
    def last_served_at(self) -> float:
        """When any page was last noted (epoch seconds)."""
        return max(self.last_page_at, self.finished_at or 0)

    def is_going_on(self, now: float) -> bool:
        """Whether somebody is in the middle of its pages."""
        if now - self.opened_at >= SESSION_S or self._is_of_the_future(now):
            return False
        silence_s = now - self.last_served_at
        if self.reads_begun <= self.reads_finished:
            return self.reads_begun > 1 and silence_s < SEVERAL_S
        is_at_end = self.reads_begun == 1 and self.shows_end
        return silence_s < (LAST_CALL_S if is_at_end else IDLE_S)

    @property
    def shows_end(self) -> bool:
        """Whether the page noted last was a last page."""
        return self.finished_at is not None and self.finished_at >= self.last_page_at

    def is_alive(self, now: float) -> bool:
        """Whether later pages can still be read from its snapshot."""
        is_kept = now - self.last_served_at < SESSION_S and now - self.opened_at < SNAPSHOT_KEPT_S - SESSION_S
        return is_kept and not self._is_of_the_future(now)

    def _is_of_the_future(self, now: float) -> bool:
        """Whether it was noted by a clock that ran ahead: how old its snapshot is then, nobody knows."""
        return is_of_the_future(max(self.opened_at, self.last_served_at), now)


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a client has everything: of the read it finished last, once the next one begins."""

    seq: int
    at: int
    view: str = ""


def view_of(settings: CompanySettings) -> str:
    """Write down which courses and fields are hidden."""
    return _view(settings.hidden_courses, settings.hidden_fields)


@lru_cache(maxsize=1024)
def _view(courses: frozenset[int], fields: frozenset[str]) -> str:
    return json.dumps([sorted(courses), sorted(fields)])


@lru_cache(maxsize=1024)
def hidden_courses_in(view: str) -> Collection[int]:
    """Return the courses that a view hides. A read keeps to them: a course that vanished or came in the middle would
    shift its rows between the pages."""
    return frozenset(json.loads(view)[0]) if view else frozenset()


def open_session(
    settings: CompanySettings, *, published_seq: int, position: Position | None, now: float, snapshot_id: str = ""
) -> Session:
    """Begin a read of the newest published rows. `position` is where the client stands; None: it never read.

    A client that stands where something was hidden that is shown now is given everything: what it missed has not
    changed since.
    """
    mode, since_seq, since_time = ReadMode.FULL, 0, 0
    if gives_changes(settings):
        if position is None:
            mode = ReadMode.INCREMENTAL if settings.first_sync_hours else ReadMode.FULL
            since_time = int(now) - settings.first_sync_hours * 3600 if settings.first_sync_hours else 0
        elif position.view == view_of(settings) and _is_recent(settings, position, now):
            mode, since_seq = ReadMode.INCREMENTAL, position.seq
    return Session(
        mode=mode,
        snapshot_seq=published_seq,
        since_seq=since_seq,
        since_time=since_time,
        opened_at=now,
        last_page_at=now,
        finished_at=None,
        view=view_of(settings),
        snapshot_id=snapshot_id,
    )


def _is_recent(settings: CompanySettings, position: Position, now: float) -> bool:
    return settings.sync_mode is SyncMode.INCREMENTAL or now - position.at <= settings.sync_window_hours * 3600


def gives_changes(settings: CompanySettings) -> bool:
    """Whether a client is given what changed since its last read, rather than everything."""
    return settings.sync_mode in (SyncMode.AUTO, SyncMode.INCREMENTAL)


def keeps_position(settings: CompanySettings) -> bool:
    """Whether finishing a read moves the client's position."""
    return settings.sync_mode is not SyncMode.STATELESS


def is_same_read(
    session: Session | None, settings: CompanySettings, *, offset: int, published_seq: int, now: float
) -> bool:
    """Whether a request belongs to `session`; otherwise it begins a new read.

    A full read of a snapshot that is still the newest shows the same pages as a new one would: it goes on. A setting
    that hides or shows courses counts from the next first page on, not for the pages of a read that has begun; so does
    one that asks for everything, where changes were given. A hidden field is gone from the next page on.
    """
    if session is None or session.snapshot_seq > published_seq:
        return False
    if offset > 0:
        return session.is_alive(now)
    is_all_wanted = session.mode is ReadMode.INCREMENTAL and not gives_changes(settings)
    if session.view != view_of(settings) or is_all_wanted:
        return False
    return is_newest(session, settings, published_seq=published_seq, now=now) or session.is_going_on(now)


def is_newest(session: Session, settings: CompanySettings, *, published_seq: int, now: float) -> bool:
    """Whether `session` is a full read of all that is published, and would be again."""
    is_always_full = session.mode is ReadMode.FULL and not gives_changes(settings)
    return is_always_full and session.snapshot_seq == published_seq and session.is_alive(now)


def is_worth_noting(session: Session, *, ends_read: bool, is_last: bool, now: float) -> bool:
    """Whether a page must be noted: it ends a read, is the first to show the end, or the last note is old."""
    return ends_read or (is_last and not session.shows_end) or now - session.last_served_at > TOUCH_S
