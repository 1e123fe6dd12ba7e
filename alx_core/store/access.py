"""What a request needs to know of its token, in one look; and the quota's counter, in one statement."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from alx_core.domain.paging import Position, ReadMode, Session
from alx_core.store.tables import api_sessions, api_tokens, api_usage, companies, sync_status

TOUCH_TOKEN_S = 60
"""A token's last use is noted at most this often."""


@dataclass(frozen=True, slots=True)
class Access:
    """A token, its company, and the read it is in the middle of. `company_exists`: Moodle still has the company."""

    token_id: int
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
    """Tells the company from one of the same id in another database."""


_TOKEN = (
    api_tokens.c.id,
    api_tokens.c.owner_state,
    api_tokens.c.allowed_networks,
    api_tokens.c.expires_at,
    api_tokens.c.revoked_at,
    api_tokens.c.last_used_at,
    api_tokens.c.companyid,
)
_COMPANY = (
    companies.c.companyid,
    companies.c.is_deleted,
    companies.c.suspended,
    companies.c.published_seq,
    companies.c.settings_version,
    companies.c.cache_id,
)
_SESSION = (
    api_sessions.c.mode,
    api_sessions.c.snapshot_seq,
    api_sessions.c.since_seq,
    api_sessions.c.since_time,
    api_sessions.c.opened_at,
    api_sessions.c.last_page_at,
    api_sessions.c.finished_at,
    api_sessions.c.reads_begun,
    api_sessions.c.reads_finished,
    api_sessions.c.settings_version,
    api_sessions.c.view,
)
_POSITION = (
    sync_status.c.position_seq,
    sync_status.c.position_at,
    sync_status.c.position_view,
    sync_status.c.pending_seq,
    sync_status.c.pending_at,
    sync_status.c.pending_view,
)


# Made once: building a statement of this size takes twice as long as running it.
_FIND_ACCESS = (
    select(*_TOKEN, *_COMPANY, *_SESSION, *_POSITION)
    .select_from(api_tokens)
    .outerjoin(companies, companies.c.companyid == api_tokens.c.companyid)
    .outerjoin(
        api_sessions,
        and_(api_sessions.c.token_id == api_tokens.c.id, api_sessions.c.page_limit == bindparam("page_limit")),
    )
    .outerjoin(sync_status, sync_status.c.token_id == api_tokens.c.id)
    .where(api_tokens.c.token_hash == bindparam("token_hash"))
)


def find_access(connection: Connection, token_hash: str, page_limit: int) -> Access | None:
    """Look a token up by its hash, with its read of `page_limit` rows a page. None: there is no such token."""
    row = connection.execute(_FIND_ACCESS, {"token_hash": token_hash, "page_limit": page_limit}).first()
    if row is None:
        return None
    token_id, owner_state, networks, expires_at, revoked_at, last_used_at, companyid = row[:7]
    known, is_deleted, suspended, published_seq, settings_version, cache_id = row[7:13]
    session, (position_seq, position_at, position_view, pending_seq, pending_at, pending_view) = row[13:-6], row[-6:]
    return Access(
        token_id=token_id,
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
        session=None if session[0] is None else Session(ReadMode(session[0]), *session[1:]),
        position=Position(position_seq, position_at, position_view or "") if position_at else None,
        pending=None if pending_seq is None else Position(pending_seq, pending_at, pending_view or ""),
        cache_id=cache_id,
    )


def find_session(connection: Connection, token_id: int, page_limit: int) -> Session | None:
    """Return the token's read of `page_limit` rows a page."""
    query = select(*_SESSION).where(api_sessions.c.token_id == token_id, api_sessions.c.page_limit == page_limit)
    row = connection.execute(query).first()
    return None if row is None else Session(ReadMode(row[0]), *row[1:])


def _charging(insert: Any) -> Any:
    calls, limit = api_usage.c.calls, bindparam("quota", type_=BigInteger)
    return (
        insert(api_usage)
        .values(companyid=bindparam("companyid"), day=bindparam("day"), calls=1)
        .on_conflict_do_update(
            index_elements=["companyid", "day"], set_={"calls": calls + 1}, where=or_(limit == 0, calls < limit)
        )
        .returning(calls)
    )


_CHARGE = {"postgresql": _charging(postgresql_insert), "sqlite": _charging(sqlite_insert)}


def charge(connection: Connection, companyid: int, day: str, *, limit: int) -> int | None:
    """Count one call of the company on `day` and return how many that makes; None when the quota is used up.

    One statement, so it is exact whatever comes at the same time. `limit` 0 counts without end.
    """
    values = {"companyid": companyid, "day": day, "quota": limit}
    calls: int | None = connection.execute(_CHARGE[connection.dialect.name], values).scalar()
    return calls


def calls_on(connection: Connection, day: str) -> dict[int, int]:
    """Return the calls of `day` that counted, by companyid."""
    query = select(api_usage.c.companyid, api_usage.c.calls).where(api_usage.c.day == day)
    return {companyid: calls for companyid, calls in connection.execute(query)}  # noqa: C416  # a Row is no tuple to mypy


def touch_token(connection: Connection, token_id: int, *, address: str, now: int) -> None:
    """Note a token's use."""
    statement = update(api_tokens).where(api_tokens.c.id == token_id)
    connection.execute(statement.values(last_used_at=now, last_address=address))
