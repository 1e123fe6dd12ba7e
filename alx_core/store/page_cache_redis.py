"""The same cache in Redis, for several hosts: expiry is Redis's own, and so is eviction (`maxmemory-policy`).

A Redis that does not answer is a cache without pages: they are built, and the log says so. For RETRY_S after a failure
it is not even asked, or each request would wait for its timeout.
"""

import json
import time
from collections.abc import Callable

from redis import Redis
from redis.exceptions import RedisError

from alx_core.logs import get_logger
from alx_core.store.page_cache import CachedPage, PageEnd
from alx_core.store.pages import PageKey

log = get_logger()

PREFIX = "alx:page:"
RETRY_S = 5.0
HEAD_BYTES = 200
"""The line before the body is shorter than this."""


class RedisPages:
    """Pages in Redis: one value each, a JSON line with rows, key and expiry before the gzip'd body. One per process."""

    def __init__(self, client: Redis, *, prefix: str = PREFIX, clock: Callable[[], float] = time.time) -> None:
        """Use `client`, which must not decode responses and should have timeouts."""
        self._client = client
        self._prefix = prefix
        self._clock = clock
        self._silent_until = 0.0

    def get(self, cache_key: str) -> CachedPage | None:
        """Return a page that is there."""
        value = self._ask(lambda: self._client.get(self._prefix + cache_key), None)
        if not isinstance(value, bytes):
            return None
        head, _, body = value.partition(b"\n")
        rows, key, expires_at = _head(head)
        return CachedPage(body, rows, key, expires_at) if expires_at > self._clock() else None

    def get_end(self, cache_key: str) -> PageEnd | None:
        """Return how a page ends, without fetching it; None: it is not there."""
        value = self._ask(lambda: self._client.getrange(self._prefix + cache_key, 0, HEAD_BYTES), None)
        if not isinstance(value, bytes) or not value:
            return None
        rows, key, _ = _head(value.partition(b"\n")[0])
        return PageEnd(rows, key)

    def claim(self, cache_key: str, *, claim_s: float) -> bool:
        """Claim the right to build a page."""
        lives_ms = int(claim_s * 1000)
        return bool(self._ask(lambda: self._client.set(self._claim(cache_key), b"1", nx=True, px=lives_ms), True))

    def put(self, cache_key: str, page: CachedPage) -> None:
        """Write a page and give the claim back."""
        lives_ms = int((page.expires_at - self._clock()) * 1000)
        head = json.dumps([page.rows, page.last_key, page.expires_at]).encode()
        if lives_ms > 0:
            value = head + b"\n" + page.gzipped
            self._ask(lambda: self._client.set(self._prefix + cache_key, value, px=lives_ms), None)
        self.give_back(cache_key)

    def give_back(self, cache_key: str) -> None:
        """Give a claim back without a page."""
        self._ask(lambda: self._client.delete(self._claim(cache_key)), None)

    def make_room(self) -> None:
        """Do nothing: Redis evicts by itself."""

    def _claim(self, cache_key: str) -> str:
        return f"{self._prefix}{cache_key}:claim"

    def _ask(self, ask: Callable[[], object], otherwise: object) -> object:
        if time.monotonic() < self._silent_until:
            return otherwise
        try:
            return ask()
        except RedisError as error:
            self._silent_until = time.monotonic() + RETRY_S
            log.warning("redis_unreachable", error=type(error).__name__, retry_s=RETRY_S)
            return otherwise


def _head(line: bytes) -> tuple[int, PageKey | None, float]:
    rows, key, expires_at = json.loads(line)
    return rows, (key[0], key[1]) if key else None, expires_at
