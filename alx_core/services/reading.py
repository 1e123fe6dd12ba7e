"""A request for a page: which read it belongs to, what it shows, and from where the bytes come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from struct import Struct
from typing import Any

from sqlalchemy import Connection

from alx_core.clock import Clock
from alx_core.domain.company_settings import CompanySettings
from alx_core.domain.paging import (
    Position,
    Session,
    hidden_courses_in,
    is_newest,
    is_same_read,
    is_worth_noting,
    keeps_position,
    open_session,
)
from alx_core.services.page_cache import END, CacheKey, Page, PageCache, SharedPages, built
from alx_core.store import sessions
from alx_core.store.access import Access, find_session
from alx_core.store.page_cache import PageEnd
from alx_core.store.pages import COURSEID, MAP_STEP, USERID, PageKey, Snapshot, page_map, read_page

Render = Callable[[Sequence[Any]], bytes]
"""Turns rows (tuples that begin with `store.pages.COLUMNS`) into the bytes that are sent."""

ATTEMPTS = 20
MAP_TTL_S = 3600
MAP_ENTRY = Struct("<qq")
"""How a page map keeps a key: userid, courseid."""
FORMAT = "5"
"""What the entries of the cache look like; a release that writes them differently moves it."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What was asked for. `limit` is at least 1, `offset` at least 0; `form` names the rendering."""

    limit: int
    offset: int
    form: str


@dataclass(frozen=True, slots=True)
class Served:
    """A page, and what is noted about it."""

    page: Page
    session: Session
    is_cache_hit: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    """One request on its way: where its rows and bytes come from."""

    connection: Connection
    shared: SharedPages
    access: Access
    settings: CompanySettings
    request: PageRequest

    @property
    def place(self) -> tuple[Connection, int, int]:
        """Where the request's session stands."""
        return self.connection, self.access.token_id, self.request.limit


class PageReader:
    """Serves pages. One per process; connections come with each call and are in autocommit."""

    def __init__(self, cache: PageCache, clock: Clock) -> None:
        """Use the process's cache."""
        self._cache = cache
        self._clock = clock

    def join_or_begin(
        self, connection: Connection, access: Access, settings: CompanySettings, request: PageRequest
    ) -> Session:
        """Return the read that the request belongs to, begun now when there is none."""
        session, seq = access.session, access.published_seq
        for _attempt in range(ATTEMPTS):
            now = self._clock()
            if session is not None and is_same_read(
                session, settings, offset=request.offset, published_seq=seq, now=now
            ):
                return session
            position = access.pending or access.position
            fresh = open_session(
                settings, published_seq=seq, position=position, now=now, snapshot_id=access.cache_id or ""
            )
            if sessions.begin_session(connection, access.token_id, request.limit, before=session, session=fresh):
                if access.pending is not None and keeps_position(settings):
                    sessions.move_position(connection, access.token_id, access.pending)
                return fresh
            session = find_session(connection, access.token_id, request.limit)
            seq = max(seq, session.snapshot_seq if session else 0)  # what somebody reads was published
        raise TimeoutError("the session could not be opened")

    def serve(
        self,
        connection: Connection,
        shared: SharedPages,
        access: Access,
        settings: CompanySettings,
        session: Session,
        request: PageRequest,
        render: Render,
        *,
        has_begun: bool = False,
    ) -> Served:
        """Return the page, from the cache where the company has one, and note what was served.

        A first page counts its read in the session, unless `has_begun` says that this is done already. When another
        session took this one's place meanwhile, the later pages would come from that one: so the first page is read
        again, there.
        """
        for _attempt in range(ATTEMPTS):
            reading = _Reading(connection, shared, access, settings, request)
            page, is_hit = self._page(reading, session, render)
            if self._note(reading, session, page, has_begun=has_begun):
                return Served(page, session, is_hit)
            latest = find_session(connection, access.token_id, request.limit)
            seq = max(access.published_seq, latest.snapshot_seq if latest else 0)
            access = replace(access, session=latest, published_seq=seq)
            session, has_begun = self.join_or_begin(connection, access, settings, request), False
        raise TimeoutError("the session is replaced again and again")

    def _page(self, reading: _Reading, session: Session, render: Render) -> tuple[Page, bool]:
        assert reading.access.companyid is not None  # noqa: S101  # a token without company was refused before
        request, settings = reading.request, reading.settings
        snapshot = Snapshot(
            reading.access.companyid,
            session.snapshot_seq,
            session.since_seq,
            session.since_time,
            hidden_courses_in(session.view),
        )
        key = (*_identity(session, snapshot), reading.access.settings_version, session.view)

        def build() -> tuple[bytes, int, PageKey | None]:
            previous = self._page_before(reading, key)
            if previous is not None and previous.is_last:
                return render([]), 0, END if previous.rows == request.limit else None
            after, skip = self._place(reading, session, snapshot, previous)
            rows = read_page(reading.connection, snapshot, after=after, skip=skip, limit=request.limit + 1)
            if rows:
                shown = rows[: request.limit]
                is_last = len(rows) <= request.limit
                return render(shown), len(shown), None if is_last else (shown[-1][USERID], shown[-1][COURSEID])
            is_end = skip == 0 or read_page(reading.connection, snapshot, after=after, skip=skip - 1, limit=1)
            return render([]), 0, END if is_end and request.offset else None

        if not settings.cache_enabled:
            return built(build), False
        ttl_s = settings.cache_ttl_minutes * 60
        return self._cache.get_or_build(reading.shared, _page_key(reading, key, request.offset), build, ttl_s=ttl_s)

    def _page_before(self, reading: _Reading, key: CacheKey) -> PageEnd | None:
        before = reading.request.offset - reading.request.limit
        if before < 0 or not reading.settings.cache_enabled:
            return None
        return self._cache.get_end(reading.shared, _page_key(reading, key, before))

    def _place(
        self, reading: _Reading, session: Session, snapshot: Snapshot, previous: PageEnd | None
    ) -> tuple[PageKey | None, int]:
        """Where the page begins: after which key, and how many rows beyond it.

        The page before knows its last key; else the snapshot's page map knows a key at most MAP_STEP rows away.
        """
        request = reading.request
        if previous is not None:
            return previous.last_key, 0
        if request.offset < MAP_STEP:
            return None, request.offset
        known = self._map(reading, session, snapshot).plain
        step = min(request.offset // MAP_STEP, len(known) // MAP_ENTRY.size)
        if step == 0:
            return None, request.offset
        return MAP_ENTRY.unpack_from(known, (step - 1) * MAP_ENTRY.size), request.offset - step * MAP_STEP

    def _map(self, reading: _Reading, session: Session, snapshot: Snapshot) -> Page:
        """The snapshot's page map: made once, then kept like a page, a MAP_ENTRY for each key."""

        def build() -> tuple[bytes, int, PageKey | None]:
            known = page_map(reading.connection, snapshot)
            return b"".join(MAP_ENTRY.pack(*key) for key in known), len(known), None

        map_key = ("map", *_identity(session, snapshot), *sorted(snapshot.hidden_courses))
        page, _ = self._cache.get_or_build(reading.shared, map_key, build, ttl_s=MAP_TTL_S)
        return page

    def _note(self, reading: _Reading, session: Session, page: Page, *, has_begun: bool) -> bool:
        """Note what was served. False: it is a first page, and the later ones would not be of the same session."""
        now = self._clock()
        is_first = reading.request.offset == 0
        has_more = page.invites_more(reading.request.limit)
        if is_first and has_more and not has_begun:
            newest = is_newest(session, reading.settings, published_seq=reading.access.published_seq, now=now)
            if not sessions.note_begun(*reading.place, session, now=now, is_newest=newest):
                return False
        ends_read = not is_first and page.is_last and (0 < page.rows < reading.request.limit or page.last_key == END)
        if page.is_last:
            if is_worth_noting(session, ends_read=ends_read, is_last=True, now=now) or has_more:
                self._note_last(reading, session, page, now, ends_read=ends_read)
        elif not is_first and is_worth_noting(session, ends_read=False, is_last=False, now=now):
            sessions.note_page(*reading.place, session, now=now)
        return True

    def _note_last(self, reading: _Reading, session: Session, page: Page, now: float, *, ends_read: bool) -> None:
        """Note the last page, and where the client will stand; one that asked for no first page lacks something.

        A full page does not tell the client that it was the last: one that gives up there may drop what it got.
        """
        if not sessions.note_last_page(*reading.place, session, now=now, ends_read=ends_read):
            return
        is_whole = page.rows < reading.request.limit and (reading.request.offset == 0 or session.reads_begun > 0)
        if is_whole and keeps_position(reading.settings):
            position = Position(session.snapshot_seq, int(now), session.view)
            sessions.note_finished(reading.connection, reading.access.token_id, position)


def _identity(session: Session, snapshot: Snapshot) -> CacheKey:
    return FORMAT, session.snapshot_id, snapshot.companyid, snapshot.seq, snapshot.since_seq, snapshot.since_time


def _page_key(reading: _Reading, key: CacheKey, offset: int) -> CacheKey:
    return "page", *key, reading.request.form, reading.request.limit, offset
