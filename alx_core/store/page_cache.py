"""The cache of ready-to-send pages that all workers share, in the reporting database."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from alx_core.store.engine import insert_into
from alx_core.store.pages import PageKey
from alx_core.store.tables import response_cache

TOUCH_S = 60
"""A page's last use is noted at most this often."""


@dataclass(frozen=True, slots=True)
class CachedPage:
    """A page as it is sent: gzip'd, with how many rows it has and the key of its last one, None when nothing follows.

    `expires_at` is in epoch seconds.
    """

    gzipped: bytes
    rows: int
    last_key: PageKey | None
    expires_at: float


@dataclass(frozen=True, slots=True)
class PageEnd:
    """How many rows a page has and the key of its last one, None when nothing follows."""

    rows: int
    last_key: PageKey | None

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.rows == 0 or self.last_key is None


class DamagedPageError(Exception):
    """An entry of the cache is not what was written there."""


class DatabasePages:
    """The shared cache on one connection."""

    def __init__(self, connection: Connection, companyid: int, *, max_bytes: int, clock: Callable[[], float]) -> None:
        """Use `connection` (autocommit); pages belong to `companyid`."""
        self._connection = connection
        self._companyid = companyid
        self._max_bytes = max_bytes
        self._clock = clock

    def get(self, cache_key: str) -> CachedPage | None:
        """Return a page that is there and has not expired. Raises DamagedPageError when its key can't be read."""
        now, cache = self._clock(), response_cache.c
        query = select(cache.body, cache.rows, cache.next_key, cache.expires_at).where(_is_page(cache_key, now))
        row = self._connection.execute(query).first()
        if row is None:
            return None
        page = CachedPage(bytes(row.body), row.rows, _read_key(row.next_key), row.expires_at)
        # So that others are evicted first.
        is_old = (cache.cache_key == cache_key) & (cache.last_used_at < now - TOUCH_S)
        self._connection.execute(update(response_cache).where(is_old).values(last_used_at=now))
        return page

    def get_end(self, cache_key: str) -> PageEnd | None:
        """Return how a page ends, without fetching it; None: it is not there. Raises as `get` does."""
        cache = response_cache.c
        query = select(cache.rows, cache.next_key).where(_is_page(cache_key, self._clock()))
        row = self._connection.execute(query).first()
        return None if row is None else PageEnd(row.rows, _read_key(row.next_key))

    def claim(self, cache_key: str, *, claim_s: float) -> "DatabaseClaim | None":
        """Claim the right to build a page that is not there, for `claim_s` seconds; None: somebody has it."""
        now, owner = self._clock(), secrets.token_hex(8)
        values = {
            "companyid": self._companyid,
            "body": None,
            "rows": 0,
            "next_key": owner,
            "bytes": 0,
            "created_at": now,
            "expires_at": now + claim_s,
            "last_used_at": now,
        }
        statement = insert_into(self._connection, response_cache).values(cache_key=cache_key, **values)
        statement = statement.on_conflict_do_update(
            index_elements=["cache_key"], set_=values, where=response_cache.c.expires_at <= now
        )
        is_mine = self._connection.execute(statement.returning(response_cache.c.cache_key)).first() is not None
        return DatabaseClaim(self, cache_key, owner, claim_s) if is_mine else None

    def renew(self, cache_key: str, owner: str, *, claim_s: float) -> None:
        """Renew a claim, on a connection of its own: that of the builder is busy."""
        statement = update(response_cache).where(_is_claim(cache_key, owner))
        with self._connection.engine.connect() as connection:
            own = connection.execution_options(isolation_level="AUTOCOMMIT")
            own.execute(statement.values(expires_at=self._clock() + claim_s))

    def give_back(self, cache_key: str, owner: str) -> None:
        """End a claim without a page; another's, or a page that was delivered meanwhile, stays."""
        self._connection.execute(delete(response_cache).where(_is_claim(cache_key, owner)))

    def put(self, cache_key: str, page: CachedPage) -> None:
        """Write a page in the place of its claim, or of what became of that."""
        now = self._clock()
        values = {
            "companyid": self._companyid,
            "body": page.gzipped,
            "rows": page.rows,
            "next_key": msgspec.json.encode(page.last_key).decode(),
            "bytes": len(page.gzipped),
            "created_at": now,
            "expires_at": page.expires_at,
            "last_used_at": now,
        }
        statement = insert_into(self._connection, response_cache).values(cache_key=cache_key, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["cache_key"], set_=values))

    def drop(self, cache_key: str) -> None:
        """Remove a page."""
        cache = response_cache.c
        self._connection.execute(delete(response_cache).where(cache.cache_key == cache_key, cache.body.is_not(None)))

    def make_room(self) -> None:
        """Drop what has expired, then the least recently used pages above the bound."""
        cache = response_cache.c
        self._connection.execute(delete(response_cache).where(cache.expires_at <= self._clock()))
        newest_first = func.sum(cache.bytes).over(order_by=(cache.last_used_at.desc(), cache.cache_key))
        ranked = select(cache.cache_key, newest_first.label("total")).subquery()
        too_much = select(ranked.c.cache_key).where(ranked.c.total > self._max_bytes)
        self._connection.execute(delete(response_cache).where(cache.cache_key.in_(too_much)))


@dataclass(frozen=True, slots=True)
class DatabaseClaim:
    """The right to build a page: a row without a body, which names its owner."""

    pages: DatabasePages
    cache_key: str
    owner: str
    claim_s: float

    def renew(self) -> None:
        """Let it last as long again."""
        self.pages.renew(self.cache_key, self.owner, claim_s=self.claim_s)

    def deliver(self, page: CachedPage) -> None:
        """Write the page in its place."""
        self.pages.put(self.cache_key, page)

    def give_back(self) -> None:
        """End it without a page."""
        self.pages.give_back(self.cache_key, self.owner)


def _is_page(cache_key: str, now: float) -> ColumnElement[bool]:
    row = response_cache.c
    return and_(row.cache_key == cache_key, row.body.is_not(None), row.expires_at > now)


def _is_claim(cache_key: str, owner: str) -> ColumnElement[bool]:
    row = response_cache.c
    return and_(row.cache_key == cache_key, row.body.is_(None), row.next_key == owner)


def _read_key(text: str) -> PageKey | None:
    try:
        key: PageKey | None = msgspec.json.decode(text, type=PageKey | None)
    except msgspec.DecodeError as error:
        raise DamagedPageError from error
    return key
