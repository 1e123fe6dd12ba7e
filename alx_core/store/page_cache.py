"""The cache of ready-to-send pages that all workers share, in the reporting database."""

import json
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from alx_core.store.engine import insert_into
from alx_core.store.pages import PageKey
from alx_core.store.tables import response_cache


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


TOUCH_S = 60
"""A page's last use is noted at most this often."""


def get_page(connection: Connection, cache_key: str, *, now: float) -> CachedPage | None:
    """Return a page that is there and has not expired."""
    row = connection.execute(
        select(
            response_cache.c.body, response_cache.c.rows, response_cache.c.next_key, response_cache.c.expires_at
        ).where(_is_there(cache_key, now))
    ).first()
    return None if row is None else CachedPage(bytes(row.body), row.rows, _key(row.next_key), row.expires_at)


def get_end(connection: Connection, cache_key: str, *, now: float) -> PageEnd | None:
    """Return how a page ends, without fetching it; None: it is not there."""
    query = select(response_cache.c.rows, response_cache.c.next_key).where(_is_there(cache_key, now))
    row = connection.execute(query).first()
    return None if row is None else PageEnd(row.rows, _key(row.next_key))


def claim_page(connection: Connection, cache_key: str, companyid: int, *, now: float, claim_s: float) -> bool:
    """Claim the right to build a page that is missing or has expired. A claim lasts `claim_s` seconds."""
    claim = {"companyid": companyid, "body": None, "rows": 0, "next_key": "null", "bytes": 0}
    times = {"created_at": now, "expires_at": now + claim_s, "last_used_at": now}
    statement = insert_into(connection, response_cache).values(cache_key=cache_key, **claim, **times)
    statement = statement.on_conflict_do_update(
        index_elements=["cache_key"], set_={**claim, **times}, where=response_cache.c.expires_at <= now
    )
    return connection.execute(statement.returning(response_cache.c.cache_key)).first() is not None


def put_page(connection: Connection, cache_key: str, companyid: int, page: CachedPage, *, now: float) -> None:
    """Write a page in the place of its claim, or of what became of that."""
    values = {
        "companyid": companyid,
        "body": page.gzipped,
        "rows": page.rows,
        "next_key": json.dumps(page.last_key),
        "bytes": len(page.gzipped),
        "created_at": now,
        "expires_at": page.expires_at,
        "last_used_at": now,
    }
    statement = insert_into(connection, response_cache).values(cache_key=cache_key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["cache_key"], set_=values))


def give_claim_back(connection: Connection, cache_key: str) -> None:
    """Give a claim back; a page that somebody else delivered meanwhile stays."""
    row = response_cache.c
    connection.execute(delete(response_cache).where(row.cache_key == cache_key, row.body.is_(None)))


def touch_page(connection: Connection, cache_key: str, *, now: float) -> None:
    """Note that a page was used, so that others are evicted first."""
    row = response_cache.c
    is_old = (row.cache_key == cache_key) & (row.last_used_at < now - TOUCH_S)
    connection.execute(update(response_cache).where(is_old).values(last_used_at=now))


def evict_pages(connection: Connection, *, max_bytes: int, now: float) -> int:
    """Drop what has expired, then the least recently used pages above `max_bytes`. Returns how many went."""
    cache = response_cache.c
    gone = connection.execute(delete(response_cache).where(cache.expires_at <= now)).rowcount
    newest_first = func.sum(cache.bytes).over(order_by=(cache.last_used_at.desc(), cache.cache_key))
    ranked = select(cache.cache_key, newest_first.label("total")).subquery()
    too_much = select(ranked.c.cache_key).where(ranked.c.total > max_bytes)
    return gone + connection.execute(delete(response_cache).where(cache.cache_key.in_(too_much))).rowcount


def _is_there(cache_key: str, now: float) -> ColumnElement[bool]:
    row = response_cache.c
    return and_(row.cache_key == cache_key, row.body.is_not(None), row.expires_at > now)


def _key(text: str) -> PageKey | None:
    key = json.loads(text)
    return (key[0], key[1]) if key else None
