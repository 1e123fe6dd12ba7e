"""The same cache in Redis, for several hosts: expiry is Redis's own, and so is eviction (`maxmemory-policy`).

A Redis that does not answer, or answers nonsense, is a cache without pages: they are built, and the log says so. For
RETRY_S after a failure it is not even asked, or each request would wait for its timeout.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from redis import Redis
from redis.exceptions import LockError, ResponseError
from redis.lock import Lock

from alx_core.faults import first_line
from alx_core.logs import get_logger
from alx_core.store.page_cache import CachedPage, DamagedPageError, PageEnd
from alx_core.store.pages import PageKey

log = get_logger()

PREFIX = "alx:page:"
RETRY_S = 5.0
HEAD_BYTES = 200
"""The line before the body is shorter than this."""

Head = tuple[int, PageKey | None, float]
"""Rows, the last one's key, and the expiry."""


class RedisPages:
    """Pages in Redis: one value each, a JSON line with rows, key and expiry before the gzip'd body. One per process."""

    def __init__(self, client: Redis, *, prefix: str = PREFIX, clock: Callable[[], float] = time.time) -> None:
        """Use `client`, which must not decode responses and should have timeouts."""
        self._client = client
        self._prefix = prefix
        self._clock = clock
        self._silent_until = 0.0

    def get(self, cache_key: str) -> CachedPage | None:
        """Return a page that is there. Raises DamagedPageError when its head can't be read."""
        value = self.ask(lambda: self._client.get(self._prefix + cache_key), None)
        if not isinstance(value, bytes):
            return None
        head, _, body = value.partition(b"\n")
        rows, key, expires_at = _head(head)
        return CachedPage(body, rows, key, expires_at) if expires_at > self._clock() else None

    def get_end(self, cache_key: str) -> PageEnd | None:
        """Return how a page ends, without fetching it; None: it is not there. Raises as `get` does."""
        value = self.ask(lambda: self._client.getrange(self._prefix + cache_key, 0, HEAD_BYTES), None)
        if not isinstance(value, bytes) or not value:
            return None
        rows, key, _ = _head(value.partition(b"\n")[0])
        return PageEnd(rows, key)

    def claim(self, cache_key: str, *, claim_s: float) -> "RedisClaim | None":
        """Claim the right to build a page that is not there; None: it is, or somebody has it.

        While Redis is silent everybody gets it.
        """
        lock = self._client.lock(f"{self._prefix}{cache_key}:claim", timeout=claim_s, thread_local=False)
        if not self.ask(lambda: lock.acquire(blocking=False), True):
            return None
        claim = RedisClaim(self, cache_key, lock)
        if self._has(cache_key):  # delivered between the caller's look and the claim
            claim.give_back()
            return None
        return claim

    def _has(self, cache_key: str) -> bool:
        try:
            return self.get(cache_key) is not None
        except DamagedPageError:
            return False

    def put(self, cache_key: str, page: CachedPage) -> None:
        """Write a page."""
        lives_ms = int((page.expires_at - self._clock()) * 1000)
        if lives_ms > 0:
            value = msgspec.json.encode((page.rows, page.last_key, page.expires_at)) + b"\n" + page.gzipped
            self.ask(lambda: self._client.set(self._prefix + cache_key, value, px=lives_ms), None)

    def drop(self, cache_key: str) -> None:
        """Remove a page."""
        self.ask(lambda: self._client.delete(self._prefix + cache_key), None)

    def make_room(self) -> None:
        """Do nothing: Redis evicts by itself."""

    def ask(self, ask: Callable[[], object], otherwise: object) -> object:
        """Return what Redis says; `otherwise` while it is silent, or when it refuses."""
        if time.monotonic() < self._silent_until:
            return otherwise
        try:
            return ask()
        except ResponseError as error:
            # It is there and says no: out of memory, or a replica. The pages that it has are still worth asking for.
            log.warning("redis_refused", error=first_line(error))
            return otherwise
        except Exception as error:  # noqa: BLE001  # over what is no Redis the client stumbles in many ways
            self._silent_until = time.monotonic() + RETRY_S
            log.warning("redis_unreachable", error=first_line(error), retry_s=RETRY_S)
            return otherwise


@dataclass(frozen=True, slots=True)
class RedisClaim:
    """The right to build a page: a lock of Redis's own, which ends by itself and is given back by its owner alone."""

    pages: RedisPages
    cache_key: str
    lock: Lock

    def renew(self) -> None:
        """Let it last as long again; one that has ended is not taken back."""
        self._try(self.lock.reacquire)

    def deliver(self, page: CachedPage) -> None:
        """Write the page, and let those who wait find it."""
        self.pages.put(self.cache_key, page)
        self.give_back()

    def give_back(self) -> None:
        """End it without a page."""
        self._try(self.lock.release)

    def _try(self, do: Callable[[], object]) -> None:
        def attempt() -> None:
            with suppress(LockError):  # it has ended, or Redis was silent when it was asked for
                do()

        self.pages.ask(attempt, None)


def _head(line: bytes) -> Head:
    try:
        head: Head = msgspec.json.decode(line, type=Head)
    except (ValueError, RecursionError) as error:
        raise DamagedPageError from error
    return head
