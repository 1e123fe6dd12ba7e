"""A request for a page: which read it belongs to, what it shows, and from where the bytes come."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from alx_core.clock import Clock
from alx_core.domain.company_settings import CompanySettings
from alx_core.domain.paging import (
    Position,
    Session,
    after_page,
    is_same_read,
    is_worth_noting,
    keeps_position,
    open_session,
)
from alx_core.services.page_cache import Page, PageCache, SharedPages, build_page
from alx_core.store import sessions
from alx_core.store.access import Access, find_session
from alx_core.store.pages import MAP_STEP, PageKey, Snapshot, page_map, read_page

Render = Callable[[Sequence[Any]], bytes]
"""Turns rows (tuples in the order of `store.pages.COLUMNS`) into the bytes that are sent."""

ATTEMPTS = 20


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
        session = access.session
        for _attempt in range(ATTEMPTS):
            now = self._clock()
            if is_same_read(session, settings, offset=request.offset, published_seq=access.published_seq, now=now):
                assert session is not None  # noqa: S101  # is_same_read
                return session
            position = access.pending or access.position
            fresh = open_session(settings, published_seq=access.published_seq, position=position, now=now)
            if sessions.begin_session(connection, access.token_id, request.limit, before=session, session=fresh):
                if access.pending is not None and keeps_position(settings):
                    sessions.move_position(connection, access.token_id, access.pending)
                return fresh
            session = find_session(connection, access.token_id, request.limit)
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
    ) -> Served:
        """Return the page, from the cache where the company has one, and note what was served."""
        assert access.companyid is not None  # noqa: S101  # a token without company was refused before
        snapshot = Snapshot(
            access.companyid, session.snapshot_seq, session.since_seq, session.since_time, settings.hidden_courses
        )
        key = (access.settings_version, *_identity(snapshot))

        def build() -> tuple[bytes, int, PageKey | None]:
            after, skip = self._place(connection, shared, settings, snapshot, key, request)
            rows = read_page(connection, snapshot, after=after, skip=skip, limit=request.limit)
            return render(rows), len(rows), (rows[-1].userid, rows[-1].courseid) if rows else None

        if settings.cache_enabled:
            cache_key = _cache_key("page", *key, request.form, request.limit, request.offset)
            ttl_s = settings.cache_ttl_minutes * 60
            page, is_hit = self._cache.get_or_build(shared, cache_key, build, ttl_s=ttl_s)
        else:
            page, is_hit = build_page(build), False
        self._note(connection, access, settings, session, request, is_last=page.rows < request.limit)
        return Served(page, session, is_hit)

    def _place(
        self,
        connection: Connection,
        shared: SharedPages,
        settings: CompanySettings,
        snapshot: Snapshot,
        key: tuple[object, ...],
        request: PageRequest,
    ) -> tuple[PageKey | None, int]:
        """Where the page begins: after which key, and how many rows beyond it.

        The page before knows its last key; else the snapshot's page map knows a key at most MAP_STEP rows away.
        """
        if request.offset == 0:
            return None, 0
        before = request.offset - request.limit
        if before >= 0 and settings.cache_enabled:
            previous = self._cache.get(_cache_key("page", *key, request.form, request.limit, before))
            if previous is not None and previous.last_key is not None and previous.rows == request.limit:
                return previous.last_key, 0
        if request.offset < MAP_STEP:
            return None, request.offset
        known = self._map(connection, shared, snapshot, key)
        step = min(request.offset // MAP_STEP, len(known))
        if step == 0:
            return None, request.offset
        return known[step - 1], request.offset - step * MAP_STEP

    def _map(
        self, connection: Connection, shared: SharedPages, snapshot: Snapshot, key: tuple[object, ...]
    ) -> list[PageKey]:
        """The snapshot's page map: made once, then kept like a page."""

        def build() -> tuple[bytes, int, PageKey | None]:
            known = page_map(connection, snapshot)
            return json.dumps(known).encode(), len(known), None

        page, _ = self._cache.get_or_build(shared, _cache_key("map", *key), build, ttl_s=3600)
        return [(userid, courseid) for userid, courseid in json.loads(page.plain)]

    def _note(
        self,
        connection: Connection,
        access: Access,
        settings: CompanySettings,
        session: Session,
        request: PageRequest,
        *,
        is_last: bool,
    ) -> None:
        now = self._clock()
        after = after_page(session, is_last=is_last, now=now)
        if not is_worth_noting(session, after, now=now):
            return
        sessions.note_page(connection, access.token_id, request.limit, after)
        if is_last and keeps_position(settings):
            sessions.note_finished(connection, access.token_id, Position(session.snapshot_seq, int(now)))


def _identity(snapshot: Snapshot) -> tuple[object, ...]:
    return snapshot.companyid, snapshot.seq, snapshot.since_seq, snapshot.since_time


def _cache_key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
