"""Ready-to-send pages: in this process, then shared by all workers; each is built by one of them.

The key holds the version of the data and of the settings, so nothing ever has to be thrown away when they change: what
is old is not asked for any more.
"""

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Generic, Protocol, TypeVar

from isal import isal_zlib

from alx_core.logs import get_logger
from alx_core.services.claim_keeper import ClaimKeeper
from alx_core.store.page_cache import CachedPage, DamagedPageError, PageEnd
from alx_core.store.pages import PageKey

log = get_logger()

CLAIM_S = 3
"""A builder that has not renewed its claim for so long is taken for dead. Hosts whose clocks differ by more may both
build a page."""
RENEW_S = 1
PATIENCE_S = 20
"""Who has waited so long for another's page builds it too."""
POLL_S = 0.01
PLAIN_SHARE = 0.25
"""Of the process's bytes, those for pages as they are before compression: few clients want them so."""
ENTRY_BYTES = 1_100
"""What a page takes in this process besides its bytes: key, objects, place in the order. Measured over 100,000 pages
(CPython 3.11): 1,095 for one that is kept compressed, 520 for its plain bytes."""
GZIP_LEVEL = 2
"""ISA-L's. A page of 1,000 rows, 310 kB: 0.3 ms, 39 kB. zlib's level 1 takes 1.3 ms for 41 kB, level 4 2.5 for 35."""
GZIP_WBITS = 31
"""zlib's number for the gzip format with the largest window."""
MAKE_ROOM_EVERY = 50
"""Pages built between two looks at the size of the shared cache."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page, with its bytes compressed, plain, or both. `last_key` is its last row's, None when nothing follows."""

    rows: int
    last_key: PageKey | None
    kept_gzip: bytes | None
    _plain: "bytes | Callable[[], bytes]"

    @property
    def plain(self) -> bytes:
        """The page as it is before compression: at hand, or unpacked now."""
        return self._plain if isinstance(self._plain, bytes) else self._plain()

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


class Claim(Protocol):
    """The right to build a page. It ends by itself, and then says nothing of a later one."""

    def renew(self) -> None:
        """Let it last as long again. Called by another thread than the builder's."""
        ...

    def deliver(self, page: CachedPage) -> None:
        """End it by writing the page."""
        ...

    def give_back(self) -> None:
        """End it without a page."""
        ...


class SharedPages(Protocol):
    """The cache behind the process's own. Reading raises DamagedPageError for an entry that can't be read."""

    def get(self, cache_key: str) -> CachedPage | None:
        """Return a page that is there."""
        ...

    def get_end(self, cache_key: str) -> PageEnd | None:
        """Return how a page ends, without the page; None: it is not there."""
        ...

    def claim(self, cache_key: str, *, claim_s: float) -> Claim | None:
        """Claim the right to build a page that is not there, for `claim_s` seconds; None: it is, or somebody has it."""
        ...

    def drop(self, cache_key: str) -> None:
        """Remove a page."""
        ...

    def make_room(self) -> None:
        """Drop pages above the bound."""
        ...


Value = TypeVar("Value")


class _Recent(Generic[Value]):
    """Values used last, up to a number of bytes, theirs and what an entry takes.

    Its user sees to it that one thread at a time is in here.
    """

    def __init__(self, max_bytes: float) -> None:
        self._max_bytes = max_bytes
        self._values: OrderedDict[Hashable, tuple[int, Value]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> Value | None:
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[1]

    def keep(self, key: Hashable, value: Value, size: int) -> None:
        self.drop(key)
        self._values[key] = size + ENTRY_BYTES, value
        self._bytes += size + ENTRY_BYTES
        while self._bytes > self._max_bytes:
            self.drop(next(iter(self._values)))

    def drop(self, key: Hashable) -> None:
        size, _ = self._values.pop(key, (0, None))
        self._bytes -= size


@dataclass(slots=True)
class _Building:
    """A page that a thread of this process is after, and how many wait for it."""

    lock: threading.Lock
    waiting: int = 0


class PageCache:
    """The process's own pages, bounded by the memory that they take, and the way to the shared ones."""

    def __init__(self, *, max_bytes: float, clock: Callable[[], float] = time.time) -> None:
        """Keep up to `max_bytes` of pages in this process: compressed, and those wanted plain last as they are."""
        self._clock = clock
        self._lock = threading.Lock()
        self._pages: _Recent[tuple[float, Page]] = _Recent(max_bytes * (1 - PLAIN_SHARE))
        self._plain: _Recent[bytes] = _Recent(max_bytes * PLAIN_SHARE)
        self._keeper = ClaimKeeper(every_s=RENEW_S)
        self._building: dict[CacheKey, _Building] = {}
        self._built = count(1)

    def get(self, key: CacheKey) -> Page | None:
        """Return a page that this process has."""
        with self._lock:
            found = self._pages.get(key)
            if found is None:
                return None
            if found[0] <= self._clock():
                self._pages.drop(key)
                return None
            return found[1]

    def get_end(self, shared: SharedPages, key: CacheKey) -> PageEnd | None:
        """Return how a page ends, without fetching it; None: nobody has it."""
        found = self.get(key)
        if found is not None:
            return PageEnd(found.rows, found.last_key)
        try:
            return shared.get_end(shared_key(key))
        except DamagedPageError:
            return None

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
            return self._kept(key, page, expires_at), was_there

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
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            found = _fetch(shared, cache_key)
            if found is not None:
                return *found, True
            claim = shared.claim(cache_key, claim_s=CLAIM_S)
            if claim is not None or time.monotonic() > give_up_at:
                break
            time.sleep(POLL_S)
        expires_at = self._clock() + ttl_s
        if claim is None:
            return built(build), expires_at, False
        page = self._build(claim, build, expires_at)
        if next(self._built) % MAKE_ROOM_EVERY == 0:
            shared.make_room()
        return page, expires_at, False

    def _build(self, claim: Claim, build: Build, expires_at: float) -> Page:
        try:
            with self._keeper.keeping(claim.renew):
                page = built(build)
                packed = compress(page.plain)
        except BaseException:
            claim.give_back()
            raise
        claim.deliver(CachedPage(packed, page.rows, page.last_key, expires_at))
        return Page(page.rows, page.last_key, packed, page.plain)

    def _kept(self, key: CacheKey, page: Page, expires_at: float) -> Page:
        """Keep a page's compressed bytes, and for now its plain ones, and return what is kept."""
        packed, plain = page.gzipped, page.plain
        kept = Page(page.rows, page.last_key, packed, partial(self._unpacked, key, packed))
        with self._lock:
            self._pages.keep(key, (expires_at, kept), len(packed))
            self._plain.keep(key, plain, len(plain))
        return kept

    def _unpacked(self, key: CacheKey, packed: bytes) -> bytes:
        with self._lock:
            found = self._plain.get(key)
        if found is not None:
            return found
        plain = _decompress(packed)
        with self._lock:
            self._plain.keep(key, plain, len(plain))
        return plain


def built(build: Build) -> Page:
    """Build a page."""
    plain, rows, last_key = build()
    return Page(rows, last_key, None, plain)


def _fetch(shared: SharedPages, cache_key: str) -> tuple[Page, float] | None:
    """Return a shared page with its expiry; one that is damaged is removed, and counts as missing."""
    try:
        cached = shared.get(cache_key)
        if cached is None:
            return None
        plain = _decompress(cached.gzipped)
    except (DamagedPageError, isal_zlib.error) as error:  # type: ignore[misc]  # its types call the class an instance
        log.warning("cached_page_damaged", cache_key=cache_key, error=type(error).__name__)
        shared.drop(cache_key)
        return None
    return Page(cached.rows, cached.last_key, cached.gzipped, plain), cached.expires_at


def shared_key(key: CacheKey) -> str:
    """Return the name of a page in the shared cache."""
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def _decompress(packed: bytes) -> bytes:
    return isal_zlib.decompress(packed, wbits=GZIP_WBITS)


def compress(plain: bytes) -> bytes:
    """Compress a page; the same bytes always give the same."""
    return isal_zlib.compress(plain, GZIP_LEVEL, wbits=GZIP_WBITS)
