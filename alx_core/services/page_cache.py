"""Ready-to-send pages: in this process, then shared by all workers; each is built by one of them.

The key holds the version of the data and of the settings, so nothing ever has to be thrown away when they change: what
is old is not asked for any more.
"""

import gzip
import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from sqlalchemy import Connection

from alx_core.store import page_cache as table
from alx_core.store.page_cache import CachedPage, PageEnd
from alx_core.store.pages import PageKey

CLAIM_S = 20
"""A builder that has not delivered after this time is taken for dead."""
POLL_S = 0.01
GZIP_LEVEL = 4
"""A page of 1,000 rows: 3.0 ms and 47 kB; level 6 takes 4.5 ms for 42 kB, level 1 1.7 ms for 57 kB."""
MAKE_ROOM_EVERY = 50
"""Pages built between two looks at the size of the shared cache."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page, compressed already where it is kept. `last_key` is its last row's, None when no row comes after it."""

    plain: bytes
    rows: int
    last_key: PageKey | None
    kept_gzip: bytes | None = None

    @property
    def gzipped(self) -> bytes:
        """The page compressed: at hand, or made now."""
        return compress(self.plain) if self.kept_gzip is None else self.kept_gzip

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.rows == 0 or self.last_key is None

    def invites_more(self, limit: int) -> bool:
        """Whether a client goes on behind it: something follows, or the page is full and does not tell."""
        return not self.is_last or self.rows == limit


CacheKey = tuple[object, ...]
"""All that decides the bytes of a page: numbers and texts. The shared cache knows it by its hash."""

END: PageKey = (0, 0)
"""`last_key` of an empty page right behind a full one: a client has to ask for it to know that nothing follows."""

Build = Callable[[], tuple[bytes, int, PageKey | None]]
"""Builds a page: its plain bytes, its rows, the key of its last one when more follow."""


class SharedPages(Protocol):
    """The cache behind the process's own."""

    def get(self, cache_key: str) -> CachedPage | None:
        """Return a page that is there."""
        ...

    def get_end(self, cache_key: str) -> PageEnd | None:
        """Return how a page ends, without the page; None: it is not there."""
        ...

    def claim(self, cache_key: str, *, claim_s: float) -> bool:
        """Claim the right to build a page."""
        ...

    def put(self, cache_key: str, page: CachedPage) -> None:
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

    def get_end(self, cache_key: str) -> PageEnd | None:
        """Return how a page ends, without the page; None: it is not there."""
        return table.get_end(self._connection, cache_key, now=self._clock())

    def claim(self, cache_key: str, *, claim_s: float) -> bool:
        """Claim the right to build a page."""
        now = self._clock()
        return table.claim_page(self._connection, cache_key, self._companyid, now=now, claim_s=claim_s)

    def put(self, cache_key: str, page: CachedPage) -> None:
        """Write a page in the place of its claim."""
        table.put_page(self._connection, cache_key, self._companyid, page, now=self._clock())

    def make_room(self) -> None:
        """Drop what has expired, and the least recently used pages of what is too much."""
        table.evict_pages(self._connection, max_bytes=self._max_bytes, now=self._clock())

    def give_back(self, cache_key: str) -> None:
        """Give a claim back without a page."""
        table.give_claim_back(self._connection, cache_key)


@dataclass(slots=True)
class _Building:
    """A page that a thread of this process is after, and how many wait for it."""

    lock: threading.Lock
    waiting: int = 0


class PageCache:
    """The process's own pages, bounded by bytes, and the way to the shared ones."""

    def __init__(self, *, max_bytes: int, clock: Callable[[], float] = time.time) -> None:
        """Keep up to `max_bytes` of pages in this process."""
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._pages: OrderedDict[CacheKey, tuple[float, Page]] = OrderedDict()
        self._bytes = 0
        self._building: dict[CacheKey, _Building] = {}
        self._built = count(1)

    def get(self, key: CacheKey) -> Page | None:
        """Return a page that this process has."""
        with self._lock:
            found = self._pages.get(key)
            if found is None:
                return None
            if found[0] <= self._clock():
                self._drop(key)
                return None
            self._pages.move_to_end(key)
            return found[1]

    def get_end(self, shared: SharedPages, key: CacheKey) -> PageEnd | None:
        """Return how a page ends, without fetching it; None: nobody has it."""
        found = self.get(key)
        return shared.get_end(shared_key(key)) if found is None else PageEnd(found.rows, found.last_key)

    def get_or_build(self, shared: SharedPages, key: CacheKey, build: Build, *, ttl_s: float) -> tuple[Page, bool]:
        """Return a page and whether it was there already. Of all who ask at once, in all processes, one builds it."""
        found = self.get(key)
        if found is not None:
            return found, True
        with self._one_at_a_time(key):
            found = self.get(key)
            if found is not None:
                return found, True
            page, expires_at, was_there = self._from_shared(shared, shared_key(key), build, ttl_s)
            self._keep(key, page, expires_at)
            return page, was_there

    @contextmanager
    def _one_at_a_time(self, key: CacheKey) -> Iterator[None]:
        with self._lock:
            building = self._building.setdefault(key, _Building(threading.Lock()))
            building.waiting += 1
        try:
            with building.lock:
                yield
        finally:
            with self._lock:
                building.waiting -= 1
                if not building.waiting:
                    del self._building[key]

    def _from_shared(self, shared: SharedPages, cache_key: str, build: Build, ttl_s: float) -> tuple[Page, float, bool]:
        give_up_at = time.monotonic() + CLAIM_S
        while True:
            cached = shared.get(cache_key)
            if cached is not None:
                return _unpacked(cached), cached.expires_at, True
            if shared.claim(cache_key, claim_s=CLAIM_S) or time.monotonic() > give_up_at:
                break
            time.sleep(POLL_S)
        cached = shared.get(cache_key)
        if cached is not None:  # delivered between the look and the claim
            shared.give_back(cache_key)
            return _unpacked(cached), cached.expires_at, True
        expires_at = self._clock() + ttl_s
        return self._build(shared, cache_key, build, expires_at), expires_at, False

    def _build(self, shared: SharedPages, cache_key: str, build: Build, expires_at: float) -> Page:
        try:
            plain, rows, last_key = build()
            page = Page(plain, rows, last_key, compress(plain))
        except BaseException:
            shared.give_back(cache_key)
            raise
        shared.put(cache_key, CachedPage(page.gzipped, page.rows, page.last_key, expires_at))
        if next(self._built) % MAKE_ROOM_EVERY == 0:
            shared.make_room()
        return page

    def _keep(self, key: CacheKey, page: Page, expires_at: float) -> None:
        size = len(page.plain) + len(page.gzipped)
        with self._lock:
            self._drop(key)
            self._pages[key] = (expires_at, page)
            self._bytes += size
            while self._bytes > self._max_bytes and self._pages:
                self._drop(next(iter(self._pages)))

    def _drop(self, key: CacheKey) -> None:
        gone = self._pages.pop(key, None)
        if gone is not None:
            self._bytes -= len(gone[1].plain) + len(gone[1].gzipped)


def shared_key(key: CacheKey) -> str:
    """Return the name of a page in the shared cache."""
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def _unpacked(cached: CachedPage) -> Page:
    return Page(gzip.decompress(cached.gzipped), cached.rows, cached.last_key, cached.gzipped)


def compress(plain: bytes) -> bytes:
    """Compress a page; the same bytes always give the same."""
    return gzip.compress(plain, GZIP_LEVEL, mtime=0)
