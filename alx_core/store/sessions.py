"""Paged reads and the positions of incremental clients, as they stand between two requests."""

from dataclasses import asdict

from sqlalchemy import Connection, and_, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from alx_core.domain.paging import Position, Session
from alx_core.store.engine import is_postgresql
from alx_core.store.tables import api_sessions, sync_status


def begin_session(
    connection: Connection, token_id: int, page_limit: int, *, before: Session | None, session: Session
) -> bool:
    """Write a new read in the place of `before`. False: somebody else was faster, look again."""
    insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
    statement = insert(api_sessions).values(token_id=token_id, page_limit=page_limit, **_values(session))
    if before is None:
        statement = statement.on_conflict_do_nothing()
    else:
        unchanged = and_(
            api_sessions.c.opened_at == before.opened_at,
            api_sessions.c.last_page_at == before.last_page_at,
            api_sessions.c.finished_at.is_not_distinct_from(before.finished_at),
        )
        keys = ["token_id", "page_limit"]
        statement = statement.on_conflict_do_update(index_elements=keys, set_=_values(session), where=unchanged)
    return connection.execute(statement.returning(api_sessions.c.token_id)).first() is not None


def claim_charge(connection: Connection, token_id: int, page_limit: int, *, now: float, free_s: float) -> bool:
    """Whether a read is to be charged: the last charge is over `free_s` seconds ago. One caller alone is told so."""
    statement = update(api_sessions).where(
        api_sessions.c.token_id == token_id,
        api_sessions.c.page_limit == page_limit,
        api_sessions.c.charged_at < now - free_s,
    )
    return connection.execute(statement.values(charged_at=now)).rowcount == 1


def release_charge(connection: Connection, token_id: int, page_limit: int) -> None:
    """Take a claim back: the quota was used up, so nothing was charged and the next try must not be free."""
    statement = update(api_sessions).where(
        api_sessions.c.token_id == token_id, api_sessions.c.page_limit == page_limit
    )
    connection.execute(statement.values(charged_at=0))


def note_page(connection: Connection, token_id: int, page_limit: int, session: Session) -> None:
    """Note when the read's pages were served; a read that another request has replaced is left alone."""
    statement = update(api_sessions).where(
        api_sessions.c.token_id == token_id,
        api_sessions.c.page_limit == page_limit,
        api_sessions.c.opened_at == session.opened_at,
    )
    connection.execute(statement.values(last_page_at=session.last_page_at, finished_at=session.finished_at))


def move_position(connection: Connection, token_id: int, position: Position) -> None:
    """Set where the client stands: a read that it finished counts from now on."""
    _upsert_status(
        connection, token_id, position_seq=position.seq, position_at=position.at, pending_seq=None, pending_at=None
    )


def note_finished(connection: Connection, token_id: int, pending: Position) -> None:
    """Note where the client will stand once its next read begins."""
    _upsert_status(connection, token_id, pending_seq=pending.seq, pending_at=pending.at)


def _upsert_status(connection: Connection, token_id: int, **values: int | None) -> None:
    insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
    nowhere = {"position_seq": 0, "position_at": 0}
    statement = insert(sync_status).values(token_id=token_id, **{**nowhere, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=["token_id"], set_=values))


def _values(session: Session) -> dict[str, object]:
    return {**asdict(session), "mode": session.mode.value}
