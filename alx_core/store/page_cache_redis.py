"""The same cache in Redis, for several hosts: expiry is Redis's own, and so is eviction (`maxmemory-policy`)."""

import json

from redis import Redis

from alx_core.store.page_cache import CachedPage

PREFIX = "alx:page:"


class RedisPages:
    """Pages in Redis: one value each, a JSON line with rows and key before the gzip'd body."""

    def __init__(self, client: Redis) -> None:
        """Use `client`, which must not decode responses."""
        self._client = client

    def get(self, cache_key: str) -> CachedPage | None:
        """Return a page that is there."""
        value = self._client.get(PREFIX + cache_key)
        if not isinstance(value, bytes):
            return None
        head, _, body = value.partition(b"\n")
        rows, key = json.loads(head)
        return CachedPage(body, rows, (key[0], key[1]) if key else None)

    def claim(self, cache_key: str, *, claim_s: float) -> bool:
        """Claim the right to build a page."""
        return bool(self._client.set(f"{PREFIX}{cache_key}:claim", b"1", nx=True, px=int(claim_s * 1000)))

    def put(self, cache_key: str, page: CachedPage, *, ttl_s: float) -> None:
        """Write a page and give the claim back."""
        head = json.dumps([page.rows, page.last_key]).encode()
        self._client.set(PREFIX + cache_key, head + b"\n" + page.gzipped, px=int(ttl_s * 1000))
        self._client.delete(f"{PREFIX}{cache_key}:claim")

    def give_back(self, cache_key: str) -> None:
        """Give a claim back without a page."""
        self._client.delete(f"{PREFIX}{cache_key}:claim")

    def make_room(self) -> None:
        """Do nothing: Redis evicts by itself."""
