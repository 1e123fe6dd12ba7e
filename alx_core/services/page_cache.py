"""Ready-to-send pages: in this process, then shared by all workers; each is built by one of them.

The key holds the version of the data and of the settings, so nothing ever has to be thrown away when they change: what
is old is not asked for any more.
"""

import gzip
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from sqlalchemy import Connection

from alx_core.store import page_cache as table
from alx_core.store.page_cache import CachedPage
from alx_core.store.pages import PageKey

CLAIM_S = 20
"""A builder that has not delivered after this time is taken for dead."""
POLL_S = 0.01
GZIP_LEVEL = 6
MAKE_ROOM_EVERY = 50
"""Pages built between two looks at the size of the shared cache."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page in both forms it may be sent in."""

    plain: bytes
    gzipped: bytes
    rows: int
    last_key: PageKey | None


Build = Callable[[], tuple[bytes, int, PageKey | None]]
"""Builds a page: its plain bytes, its rows, the key of its last one."""


class SharedPages(Protocol):
    """The cache behind the process's own."""

    def get(self, cache_key: str) -> CachedPage | None:
        """Return a page that is there."""
        ...

    def claim(self, cache_key: str, *, claim_s: float) -> bool:
        """Claim the right to build a page."""
        ...

    def put(self, cache_key: str, page: CachedPage, *, ttl_s: float) -> None:
        """Write a page in the place of its claim."""
        ...

    def give_back(self, cache_key: str) -> None:
        """Give a claim back without a page."""
        ...

    def make_room(self) -> None:
        """Drop pages above the bound."""
        ...


class DatabasePages:
    """The shared cache in the reporting database, on one connection."""

    def __init__(self, connection: Connection, companyid: int, *, max_bytes: int, clock: Callable[[], float]) -> None:
        """Use `connection` (autocommit); pages belong to `companyid`."""
        self._connection = connection
        self._companyid = companyid
        self._max_bytes = max_bytes
        self._clock = clock

    def get(self, cache_key: str) -> CachedPage | None:
        """Return a page that is there and has not expired."""
        now = self._clock()
        page = table.get_page(self._connection, cache_key, now=now)
        if page is not None:
            table.touch_page(self._connection, cache_key, now=now)
        return page

    def claim(self, cache_key: str, *, claim_s: float) -> bool:
        """Claim the right to build a page."""
        now = self._clock()
        return table.claim_page(self._connection, cache_key, self._companyid, now=now, claim_s=claim_s)

    def put(self, cache_key: str, page: CachedPage, *, ttl_s: float) -> None:
        """Write a page in the place of its claim."""
        table.put_page(self._connection, cache_key, page, now=self._clock(), ttl_s=ttl_s)

    def make_room(self) -> None:
        """Drop what has expired, and the least recently used pages of what is too much."""
        table.evict_pages(self._connection, max_bytes=self._max_bytes, now=self._clock())

    def give_back(self, cache_key: str) -> None:
        """Give a claim back without a page."""
        table.drop_page(self._connection, cache_key)


class PageCache:
    """The process's own pages, bounded by bytes, and the way to the shared ones."""

    def __init__(self, *, max_bytes: int, clock: Callable[[], float] = time.time) -> None:
        """Keep up to `max_bytes` of pages in this process."""
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._pages: OrderedDict[str, tuple[float, Page]] = OrderedDict()
        self._bytes = 0
        self._building: dict[str, threading.Lock] = {}
        self._built = count(1)

    def get(self, cache_key: str) -> Page | None:
        """Return a page that this process has."""
        with self._lock:
            found = self._pages.get(cache_key)
            if found is None:
                return None
            if found[0] <= self._clock():
                self._drop(cache_key)
                return None
            self._pages.move_to_end(cache_key)
            return found[1]

    def get_or_build(self, shared: SharedPages, cache_key: str, build: Build, *, ttl_s: float) -> tuple[Page, bool]:
        """Return a page and whether it was there already. Of all who ask at once, in all processes, one builds it."""
        found = self.get(cache_key)
        if found is not None:
            return found, True
        with self._lock:
            building = self._building.setdefault(cache_key, threading.Lock())
        try:
            with building:
                found = self.get(cache_key)
                if found is not None:
                    return found, True
                page, was_there = self._from_shared(shared, cache_key, build, ttl_s)
                self._keep(cache_key, page, ttl_s)
                return page, was_there
        finally:
            with self._lock:
                self._building.pop(cache_key, None)

    def _from_shared(self, shared: SharedPages, cache_key: str, build: Build, ttl_s: float) -> tuple[Page, bool]:
        deadline = self._clock() + CLAIM_S
        while True:
            cached = shared.get(cache_key)
            if cached is not None:
                return Page(gzip.decompress(cached.gzipped), cached.gzipped, cached.rows, cached.last_key), True
            if shared.claim(cache_key, claim_s=CLAIM_S) or self._clock() > deadline:
                return self._build(shared, cache_key, build, ttl_s), False
            time.sleep(POLL_S)

    def _build(self, shared: SharedPages, cache_key: str, build: Build, ttl_s: float) -> Page:
        try:
            page = build_page(build)
        except BaseException:
            shared.give_back(cache_key)
            raise
        shared.put(cache_key, CachedPage(page.gzipped, page.rows, page.last_key), ttl_s=ttl_s)
        if next(self._built) % MAKE_ROOM_EVERY == 0:
            shared.make_room()
        return page

    def _keep(self, cache_key: str, page: Page, ttl_s: float) -> None:
        size = len(page.plain) + len(page.gzipped)
        with self._lock:
            self._drop(cache_key)
            self._pages[cache_key] = (self._clock() + ttl_s, page)
            self._bytes += size
            while self._bytes > self._max_bytes and self._pages:
                self._drop(next(iter(self._pages)))

    def _drop(self, cache_key: str) -> None:
        gone = self._pages.pop(cache_key, None)
        if gone is not None:
            self._bytes -= len(gone[1].plain) + len(gone[1].gzipped)


def build_page(build: Build) -> Page:
    """Build a page and compress it, once."""
    plain, rows, last_key = build()
    return Page(plain, gzip.compress(plain, GZIP_LEVEL, mtime=0), rows, last_key)
