"""Pages of a company's rows as they were at a snapshot, read by key whatever the offset.

A row belongs to the snapshot when it stands in the reporting table unchanged since (`change_seq` up to the snapshot's),
or when a later sync kept the version it replaced. No key can be both.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    String,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    tuple_,
    union_all,
)

from alx_core.domain.fields import FIELDS
from alx_core.store.prepared import Prepared
from alx_core.store.tables import companies, is_current, reporting, reporting_history

COLUMNS = tuple(dict.fromkeys(field.column for field in FIELDS))
"""The columns behind the served fields; `userid` and `courseid` are among them."""

MAP_STEP = 100
"""A page map knows every so-manieth key: an offset is never further than this from a known one. The rows in between are
read for nothing; each key takes 16 bytes of a map."""

SKIP_STEP = 20
"""The database skips rows in such steps, and what is left of them comes along and is dropped: each number of rows would
be a statement of its own, to be prepared on each connection."""

PageKey = tuple[int, int]
"""(userid, courseid): where in a company's order a row stands."""

FIRST: PageKey = (-1, -1)
"""Before every key."""
USERID, COURSEID = COLUMNS.index("userid"), COLUMNS.index("courseid")

Stretch = tuple[PageKey | None, PageKey | None]
"""The keys above the first and up to the second; None is no bound."""

_KEY = tuple(reporting.primary_key)
"""companyid, userid, courseid."""
_Number = int | BindParameter[int]

STRETCH_SLACK = 100
"""Keys looked at beyond what a page needs, because some rows will not be in the snapshot."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a read shows of a company. `since_seq` and `since_time` 0 mean everything."""

    companyid: int
    seq: int
    since_seq: int = 0
    since_time: int = 0
    hidden_courses: Collection[int] = ()


def read_page(
    connection: Connection, snapshot: Snapshot, *, after: PageKey | None, skip: int, limit: int
) -> Sequence[Any]:
    """Return up to `limit` rows (tuples that begin with COLUMNS) by key, from the `skip`-th one above `after`."""
    is_full = not (snapshot.since_seq or snapshot.since_time or snapshot.hidden_courses)
    newest = _read_newest(connection, snapshot, after, skip, limit) if is_full else None
    return newest or _read_versions(connection, snapshot, after, skip, limit)


def _read_newest(
    connection: Connection, snapshot: Snapshot, after: PageKey | None, skip: int, limit: int
) -> Sequence[Any]:
    """Return the rows where the snapshot is the newest, of which none has moved. No rows may mean that it is not."""
    userid, courseid = after or FIRST
    values = {"companyid": snapshot.companyid, "seq": snapshot.seq, "userid": userid, "courseid": courseid}
    beyond = skip % SKIP_STEP
    statement = _newest(skip - beyond, limit + SKIP_STEP if skip else limit)
    return statement.rows(connection, values)[beyond : beyond + limit]


@lru_cache(maxsize=256)
def _newest(skip: int, limit: int) -> Prepared:
    """The statement, with its numbers written out: the plan of a page of unknown size would be another."""
    companyid, userid, courseid = (bindparam(column.name, type_=BigInteger) for column in _KEY)
    published_seq = select(companies.c.published_seq).where(companies.c.companyid == companyid).scalar_subquery()
    query = select(*_shown(reporting, COLUMNS)).where(_above(companyid, userid, courseid), is_current(reporting))
    query = query.where(published_seq <= bindparam("seq", type_=BigInteger))
    query = query.order_by(*_KEY).limit(literal_column(str(limit)))
    return Prepared(query.offset(literal_column(str(skip))) if skip else query)


def _above(
    companyid: _Number, userid: _Number, courseid: _Number, source: FromClause = reporting
) -> ColumnElement[bool]:
    """The rows of a company above a key.

    As a stretch of the whole key: of a company's rows PostgreSQL expects few where it has no statistics, and would sort
    them all for each page.
    """
    return and_(tuple_(*_key(source)) > tuple_(companyid, userid, courseid), source.c.companyid <= companyid)


def _key(source: FromClause) -> list[ColumnElement[int]]:
    return [source.c[column.name] for column in _KEY]


def _read_versions(
    connection: Connection, snapshot: Snapshot, after: PageKey | None, skip: int, limit: int
) -> Sequence[Any]:
    """Return the rows of a snapshot from which rows may have moved.

    A stretch of keys is looked at, and twice as many if that was not enough. Without an end to it, a snapshot whose
    rows have nearly all been replaced, or never were, would cost a walk over the company's whole history on every page.
    """
    if snapshot.since_seq or snapshot.since_time:
        return _read_stretch(connection, snapshot, (after, None), skip, limit)
    rows: list[Any] = []
    width = skip + limit + (skip + limit) // 4 + STRETCH_SLACK
    while True:
        until = _key_at(connection, snapshot.companyid, after, width)
        found = _read_stretch(connection, snapshot, (after, until), skip, limit - len(rows))
        rows += found
        if len(rows) == limit or until is None:
            return rows
        skip = 0 if found else skip - _count(connection, snapshot, (after, until))
        after, width = until, 2 * width


def _key_at(connection: Connection, companyid: int, after: PageKey | None, distance: int) -> PageKey | None:
    """Return the `distance`-th key above `after`, whatever became of its row; None: there are fewer.

    A kept version whose row is gone (a tombstone that was purged) lies between two keys all the same.
    """
    beyond = tuple_(*_KEY) > tuple_(companyid, *(after or FIRST))  # others' keys too: few of a company's are expected
    found = connection.execute(select(*_KEY).where(beyond).order_by(*_KEY).offset(distance - 1).limit(1)).first()
    return None if found is None or found.companyid != companyid else (found.userid, found.courseid)


def _read_stretch(connection: Connection, snapshot: Snapshot, stretch: Stretch, skip: int, limit: int) -> Sequence[Any]:
    parts = [
        _rows(source, snapshot, COLUMNS, stretch).order_by(*_key(source)).limit(skip + limit).subquery()
        for source in (reporting, reporting_history)
    ]
    both = union_all(*(select(part) for part in parts)).subquery()
    query = select(both).order_by(both.c.userid, both.c.courseid).limit(limit).offset(skip)
    return connection.execute(query).all()


def _count(connection: Connection, snapshot: Snapshot, stretch: Stretch) -> int:
    keys = [_rows(source, snapshot, ("userid", "courseid"), stretch) for source in (reporting, reporting_history)]
    return connection.execute(select(func.count()).select_from(union_all(*keys).subquery())).scalar_one()


def page_map(connection: Connection, snapshot: Snapshot) -> list[PageKey]:
    """Return every MAP_STEP-th key of a snapshot: the last key before offset MAP_STEP, 2 * MAP_STEP, ..."""
    keys = [_rows(source, snapshot, ("userid", "courseid"), (None, None)) for source in (reporting, reporting_history)]
    both = union_all(*keys).subquery()
    rank = func.row_number().over(order_by=(both.c.userid, both.c.courseid)).label("rank")
    ranked = select(both.c.userid, both.c.courseid, rank).subquery()
    query = select(ranked.c.userid, ranked.c.courseid).where(ranked.c.rank % MAP_STEP == 0).order_by(ranked.c.rank)
    return [(userid, courseid) for userid, courseid in connection.execute(query)]


def _shown(source: FromClause, columns: Sequence[str]) -> list[Any]:
    """The columns as they are read: a percentage as text. A Decimal takes ten times as long here, and making a float of
    it takes PostgreSQL a fifth of the time of the whole query."""
    return [cast(source.c[name], String).label(name) if name == "percentage" else source.c[name] for name in columns]


def _rows(source: FromClause, snapshot: Snapshot, columns: Sequence[str], stretch: Stretch) -> Select[*tuple[Any, ...]]:
    row, (after, until) = source.c, stretch
    query = select(*_shown(source, columns)).where(row.change_seq <= snapshot.seq, is_current(source))
    if until is None:
        query = query.where(_above(snapshot.companyid, *(after or FIRST), source))
    else:  # few are expected between two keys, and there are few
        key = tuple_(row.userid, row.courseid)
        query = query.where(row.companyid == snapshot.companyid, key > (after or FIRST), key <= until)
    if source is reporting_history:
        query = query.where(row.superseded_seq > snapshot.seq)
    if snapshot.since_seq:
        # Not as a range with the end above, which PostgreSQL without statistics takes for one row in 200.
        query = query.where(row.change_seq + 0 > snapshot.since_seq)
    if snapshot.since_time:
        query = query.where(row.last_updated >= snapshot.since_time)
    if snapshot.hidden_courses:
        query = query.where(row.courseid.not_in(sorted(snapshot.hidden_courses)))
    return query
