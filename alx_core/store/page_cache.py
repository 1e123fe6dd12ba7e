"""The cache of ready-to-send pages that all workers share, in the reporting database."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, delete, func, null, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from alx_core.store.pages import PageKey
from alx_core.store.prepared import Prepared
from alx_core.store.tables import response_cache

ROW_BYTES = 320
"""What a page takes here besides its bytes: the row's other columns and the indexes. Measured over 20,000 small pages:
320 on PostgreSQL, 225 in SQLite."""
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


_CACHE = response_cache.c
_KEY: BindParameter[str] = bindparam("b_cache_key")
_NOW: BindParameter[float] = bindparam("b_now")
_IS_PAGE = and_(_CACHE.cache_key == _KEY, _CACHE.body.is_not(None), _CACHE.expires_at > _NOW)


def _writing(insert: Callable[..., Any], values: dict[str, Any], where: ColumnElement[bool] | None = None) -> Any:
    """Write an entry anew, in the place of one that is there if that is as `where` says."""
    every = {
        "cache_key": _KEY,
        "companyid": bindparam("b_companyid"),
        "created_at": _NOW,
        "expires_at": bindparam("b_expires_at"),
        "last_used_at": _NOW,
        **values,
    }
    statement = insert(response_cache).values(every)
    changed = {name: statement.excluded[name] for name in every if name != "cache_key"}
    statement = statement.on_conflict_do_update(index_elements=["cache_key"], set_=changed, where=where)
    return statement.returning(_CACHE.cache_key)


# The statements of pages that this process does not have, made once: see `prepared`.
_FIND = Prepared(
    select(_CACHE.body, _CACHE.rows, _CACHE.next_key, _CACHE.expires_at, _CACHE.last_used_at).where(_IS_PAGE)
)
_FIND_END = Prepared(select(_CACHE.rows, _CACHE.next_key).where(_IS_PAGE))
_TOUCH = Prepared(update(response_cache).where(_CACHE.cache_key == _KEY).values(last_used_at=_NOW))
_CLAIMED: dict[str, Any] = {"body": null(), "rows": 0, "next_key": bindparam("b_owner"), "bytes": 0}
_WRITTEN: dict[str, Any] = {name: bindparam(f"b_{name}") for name in _CLAIMED}
_INSERTS: dict[str, Callable[..., Any]] = {"postgresql": postgresql_insert, "sqlite": sqlite_insert}
_CLAIM = Prepared({name: _writing(insert, _CLAIMED, _CACHE.expires_at <= _NOW) for name, insert in _INSERTS.items()})
_PUT = Prepared({name: _writing(insert, _WRITTEN) for name, insert in _INSERTS.items()})


class DatabasePages:
    """The shared cache on one connection."""

    def __init__(self, connection: Connection, companyid: int, *, max_bytes: int, clock: Callable[[], float]) -> None:
        """Use `connection` (autocommit); pages belong to `companyid`, and all take up to `max_bytes`, rows included."""
        self._connection = connection
        self._companyid = companyid
        self._max_bytes = max_bytes
        self._clock = clock

    def get(self, cache_key: str) -> CachedPage | None:
        """Return a page that is there and has not expired. Raises DamagedPageError when its key can't be read."""
        now = self._clock()
        row = _FIND.first(self._connection, {"b_cache_key": cache_key, "b_now": now})
        if row is None:
            return None
        body, rows, next_key, expires_at, last_used_at = row
        page = CachedPage(body, rows, _read_key(next_key), expires_at)
        if last_used_at < now - TOUCH_S:  # so that others are evicted first
            _TOUCH.count(self._connection, {"b_cache_key": cache_key, "b_now": now})
        return page

    def get_end(self, cache_key: str) -> PageEnd | None:
        """Return how a page ends, without fetching it; None: it is not there. Raises as `get` does."""
        row = _FIND_END.first(self._connection, {"b_cache_key": cache_key, "b_now": self._clock()})
        return None if row is None else PageEnd(row[0], _read_key(row[1]))

    def claim(self, cache_key: str, *, claim_s: float) -> "DatabaseClaim | None":
        """Claim the right to build a page that is not there, for `claim_s` seconds; None: it is, or somebody has it."""
        owner = secrets.token_hex(8)
        is_mine = self._write(_CLAIM, cache_key, self._clock() + claim_s, b_owner=owner)
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
        self._write(
            _PUT,
            cache_key,
            page.expires_at,
            b_body=page.gzipped,
            b_rows=page.rows,
            b_next_key=msgspec.json.encode(page.last_key).decode(),
            b_bytes=len(page.gzipped),
        )

    def _write(self, statement: Prepared, cache_key: str, expires_at: float, **values: object) -> bool:
        """Write an entry. False: what is there stays."""
        every = {
            "b_cache_key": cache_key,
            "b_companyid": self._companyid,
            "b_now": self._clock(),
            "b_expires_at": expires_at,
            **values,
        }
        return statement.first(self._connection, every) is not None

    def drop(self, cache_key: str) -> None:
        """Remove a page."""
        cache = response_cache.c
        self._connection.execute(delete(response_cache).where(cache.cache_key == cache_key, cache.body.is_not(None)))

    def make_room(self) -> None:
        """Drop what has expired, then the least recently used pages above the bound."""
        cache = response_cache.c
        self._connection.execute(delete(response_cache).where(cache.expires_at <= self._clock()))
        newest_first = func.sum(cache.bytes + ROW_BYTES).over(order_by=(cache.last_used_at.desc(), cache.cache_key))
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


def _is_claim(cache_key: str, owner: str) -> ColumnElement[bool]:
    row = response_cache.c
    return and_(row.cache_key == cache_key, row.body.is_(None), row.next_key == owner)


def _read_key(text: str) -> PageKey | None:
    try:
        key: PageKey | None = msgspec.json.decode(text, type=PageKey | None)
    except msgspec.DecodeError as error:
        raise DamagedPageError from error
    return key
