"""What a request needs to know of its token, in one look; and the quota's counter, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    and_,
    bindparam,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from alx_core.domain.paging import Position, ReadMode, Session
from alx_core.store.prepared import Prepared
from alx_core.store.sessions import NOTE_BEGUN, note_begun_values
from alx_core.store.tables import api_sessions, api_tokens, api_usage, companies, sync_status

TOUCH_TOKEN_S = 60
"""A token's last use is noted at most this often."""


@dataclass(frozen=True, slots=True)
class Access:
    """A token, its company, and the read it is in the middle of. `company_exists`: Moodle still has the company."""

    token_id: int
    name: str
    """What it is called; for one from Moodle its owner's user name."""
    owner_state: str
    allowed_networks: str
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    companyid: int | None
    company_exists: bool
    company_suspended: bool
    published_seq: int
    settings_version: int
    session: Session | None
    position: Position | None
    pending: Position | None
    cache_id: str | None = None
    """Another one each time that readers are shown something new, in whatever database."""
    version: str | None = None
    """Moves whenever the token's row or its company's is written; None: the database does not say."""


# Short names: psycopg takes statements of more than 4,096 characters apart again on each execution.
_T, _C = api_tokens.alias("t").c, companies.alias("c").c
_S, _P = api_sessions.alias("s").c, sync_status.alias("p").c
_TOKEN = (
    _T.id,
    _T.name,
    _T.owner_state,
    _T.allowed_networks,
    _T.expires_at,
    _T.revoked_at,
    _T.last_used_at,
    _T.companyid,
)
_COMPANY = (
    _C.companyid,
    _C.is_deleted,
    _C.suspended,
    _C.published_seq,
    _C.settings_version,
    _C.cache_id,
)
_SESSION = (
    _S.mode,
    _S.snapshot_seq,
    _S.since_seq,
    _S.since_time,
    _S.opened_at,
    _S.last_page_at,
    _S.finished_at,
    _S.reads_begun,
    _S.reads_finished,
    _S.view,
    _S.snapshot_id,
)
_POSITION = (
    _P.position_seq,
    _P.position_at,
    _P.position_view,
    _P.pending_seq,
    _P.pending_at,
    _P.pending_view,
)


_VERSION: ColumnElement[str] = literal_column("t.xmin::text || ' ' || c.xmin::text").label("version")
"""Which versions of the two rows these are: PostgreSQL gives every one the number of the transaction that wrote it."""

_LOOK = (
    select(*_TOKEN, *_COMPANY, *_SESSION, *_POSITION)
    .select_from(_T.id.table)
    .outerjoin(_C.companyid.table, _C.companyid == _T.companyid)
    .outerjoin(_S.mode.table, and_(_S.token_id == _T.id, _S.page_limit == bindparam("page_limit")))
    .outerjoin(_P.token_id.table, _P.token_id == _T.id)
    .where(_T.token_hash == bindparam("token_hash"))
)
_FIND_ACCESS = Prepared(
    {"postgresql": _LOOK.add_columns(_VERSION), "sqlite": _LOOK.add_columns(null().label("version"))}
)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What to do along with the look at a token, if its row and its company's are still those that the caller knows.

    A call of `day` is counted against `quota` (0: without end); where `begins` is a session, a read of it is noted.
    """

    known: Access
    day: str
    quota: int
    now: float
    begins: Session | None

    @property
    def what(self) -> tuple[object, ...]:
        """What is done, whoever asks for it and when."""
        return self.known.version, self.day, self.quota, self.begins


@dataclass(frozen=True, slots=True)
class Found:
    """A token, and what was done along: `is_charged` a call was counted, `has_begun` a read of its session noted."""

    access: Access
    is_charged: bool = False
    has_begun: bool = False


def find_access(connection: Connection, token_hash: str, page_limit: int) -> Access | None:
    """Look a token up by its hash, with its read of `page_limit` rows a page. None: there is no such token."""
    row = _FIND_ACCESS.first(connection, {"token_hash": token_hash, "page_limit": page_limit})
    return None if row is None else _access(row)


def find_access_ahead(
    connection: Connection, token_hash: str, page_limit: int, ahead: Ahead, *, calls: int = 1
) -> Found | None:
    """Look a token up and do `ahead`, for `calls` calls at once, in one statement. On PostgreSQL alone.

    Nothing is counted or noted when the token or its company has changed, or the quota does not suffice for all of
    them; no read is noted when another session has taken its place.
    """
    values = {
        "token_hash": token_hash,
        "version": ahead.known.version,
        "day": ahead.day,
        "quota": ahead.quota,
        "calls": calls,
    }
    if ahead.begins is None:
        row = _FIND_AND_CHARGE.first(connection, {**values, "page_limit": page_limit})
        return None if row is None else Found(_access(row), is_charged=row[-1] is not None)
    begins = note_begun_values(
        ahead.known.token_id, page_limit, ahead.begins, now=ahead.now, is_newest=True, reads=calls
    )
    counted, begun = _CHARGE_AND_BEGIN.rows(connection, {**values, **begins})[0]
    if begun is not None:
        is_known = ahead.known.session is ahead.begins  # most often, and making another one takes a while
        access = ahead.known if is_known else replace(ahead.known, session=ahead.begins)
        return Found(access, is_charged=True, has_begun=True)
    found = find_access(connection, token_hash, page_limit)
    return None if found is None else Found(found, is_charged=counted is not None)


def _access(row: tuple[Any, ...]) -> Access:
    token_id, name, owner_state, networks, expires_at, revoked_at, last_used_at, companyid = row[:8]
    known, is_deleted, suspended, published_seq, settings_version, cache_id = row[8:14]
    session, position = row[14:25], row[25:31]
    position_seq, position_at, position_view, pending_seq, pending_at, pending_view = position
    return Access(
        token_id=token_id,
        name=name,
        owner_state=owner_state,
        allowed_networks=networks,
        expires_at=expires_at,
        revoked_at=revoked_at,
        last_used_at=last_used_at,
        companyid=companyid,
        company_exists=known is not None and not is_deleted,
        company_suspended=bool(suspended),
        published_seq=published_seq or 0,
        settings_version=settings_version or 0,
        session=None if session[0] is None else _session(session),
        position=Position(position_seq, position_at, position_view or "") if position_at else None,
        pending=None if pending_seq is None else Position(pending_seq, pending_at, pending_view or ""),
        cache_id=cache_id,
        version=row[31],
    )


def find_session(connection: Connection, token_id: int, page_limit: int) -> Session | None:
    """Return the token's read of `page_limit` rows a page."""
    query = select(*_SESSION).where(_S.token_id == token_id, _S.page_limit == page_limit)
    row = connection.execute(query).first()
    return None if row is None else _session(row)


def _session(row: Sequence[Any]) -> Session:
    return Session(ReadMode(row[0]), *row[1:])


def _is_within_quota(calls: ColumnElement[int]) -> ColumnElement[bool]:
    quota = bindparam("quota", type_=BigInteger)
    return or_(quota == 0, calls <= quota)


def _counting(inserted: Any) -> Any:
    """An insert of the day's first calls made to add to those that are there, up to the quota."""
    calls = api_usage.c.calls + inserted.excluded.calls
    counted = inserted.on_conflict_do_update(
        index_elements=["companyid", "day"], set_={"calls": calls}, where=_is_within_quota(calls)
    )
    return counted.returning(api_usage.c.calls)


def _charging(insert: Any) -> Any:
    first = insert(api_usage).values(companyid=bindparam("companyid"), day=bindparam("day"), calls=1)
    return _counting(first)


_CHARGE = Prepared({"postgresql": _charging(postgresql_insert), "sqlite": _charging(sqlite_insert)})


def _charging_known(companyid: Any, version: Any, *more: Any) -> Any:
    """The count of calls of the company that is found, if it is of the version that the caller knows."""
    calls = bindparam("calls", type_=BigInteger)
    first = select(companyid, bindparam("day", type_=String), calls)
    first = first.where(version == bindparam("version", type_=String), _is_within_quota(calls), *more)
    return _counting(postgresql_insert(api_usage).from_select(["companyid", "day", "calls"], first)).cte("charged")


def _find_and_charge() -> Any:
    """The look at a token and the count of its call."""
    columns = [column.label(f"v{number}") for number, column in enumerate(_LOOK.selected_columns)]
    access = _LOOK.with_only_columns(*columns, _VERSION).cte("access")
    charged = _charging_known(access.c[f"v{len(_TOKEN)}"], access.c.version)
    return select(access, select(charged.c.calls).scalar_subquery())


def _charge_and_begin() -> Any:
    """The count of a call and the note of a read that begins, for a token that is known: there is nothing to fetch."""
    is_it = and_(_T.token_hash == bindparam("token_hash"), _C.companyid == _T.companyid)
    charged = _charging_known(_C.companyid, _VERSION, is_it)
    noted = NOTE_BEGUN.where(select(charged.c.calls).exists()).returning(api_sessions.c.token_id).cte("begun")
    return select(select(charged.c.calls).scalar_subquery(), select(noted.c.token_id).scalar_subquery())


_FIND_AND_CHARGE = Prepared(_find_and_charge())
_CHARGE_AND_BEGIN = Prepared(_charge_and_begin())


def charge(connection: Connection, companyid: int, day: str, *, limit: int) -> int | None:
    """Count one call of the company on `day` and return how many that makes; None when the quota is used up.

    One statement, so it is exact whatever comes at the same time. `limit` 0 counts without end.
    """
    row = _CHARGE.first(connection, {"companyid": companyid, "day": day, "quota": limit})
    return None if row is None else row[0]


def calls_on(connection: Connection, day: str) -> dict[int, int]:
    """Return the calls of `day` that counted, by companyid."""
    query = select(api_usage.c.companyid, api_usage.c.calls).where(api_usage.c.day == day)
    return {companyid: calls for companyid, calls in connection.execute(query)}  # noqa: C416  # a Row is no tuple to mypy


def touch_token(connection: Connection, token_id: int, *, address: str, now: int) -> None:
    """Note a token's use."""
    statement = update(api_tokens).where(api_tokens.c.id == token_id)
    connection.execute(statement.values(last_used_at=now, last_address=address))
