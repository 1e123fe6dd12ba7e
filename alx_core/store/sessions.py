"""Paged reads and the positions of incremental clients, as they stand between two requests."""

from dataclasses import asdict

from sqlalchemy import ColumnElement, Connection, and_, case, func, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from alx_core.domain.paging import IDLE_S, Position, Session
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
        row = api_sessions.c
        unchanged = and_(
            _is(token_id, page_limit, before),
            row.opened_at == before.opened_at,
            row.last_page_at == before.last_page_at,
            row.finished_at.is_not_distinct_from(before.finished_at),
            row.reads_begun == before.reads_begun,
            row.reads_finished == before.reads_finished,
        )
        keys = ["token_id", "page_limit"]
        statement = statement.on_conflict_do_update(index_elements=keys, set_=_values(session), where=unchanged)
    return connection.execute(statement.returning(api_sessions.c.token_id)).first() is not None


def note_begun(
    connection: Connection, token_id: int, page_limit: int, session: Session, *, now: float, is_newest: bool
) -> bool:
    """Count a read that got its first page and has more before it. False: another session took this one's place.

    Where nobody is in the middle any more, the count begins anew. `is_newest` says that the snapshot still is.
    """
    row = api_sessions.c
    is_over = (row.reads_begun <= row.reads_finished) | (_last_served_at() < now - IDLE_S)
    statement = update(api_sessions).where(_is(token_id, page_limit, session))
    done = connection.execute(
        statement.values(
            reads_begun=case((is_over, 1), else_=row.reads_begun + 1),
            reads_finished=case((is_over, 0), else_=row.reads_finished),
            last_page_at=now,
            **({"opened_at": now} if is_newest else {}),
        )
    )
    return done.rowcount == 1


def note_page(connection: Connection, token_id: int, page_limit: int, session: Session, *, now: float) -> None:
    """Note that a page in the middle was served; a session that another has replaced is left alone."""
    connection.execute(update(api_sessions).where(_is(token_id, page_limit, session)).values(last_page_at=now))


def note_last_page(
    connection: Connection, token_id: int, page_limit: int, session: Session, *, now: float, ends_read: bool
) -> bool:
    """Note that the last page was served, and count the read that it ends. False: the session was replaced."""
    finished = api_sessions.c.reads_finished + (1 if ends_read else 0)
    statement = update(api_sessions).where(_is(token_id, page_limit, session))
    return connection.execute(statement.values(finished_at=now, reads_finished=finished)).rowcount == 1


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
    statement = update(api_sessions).where(api_sessions.c.token_id == token_id, api_sessions.c.page_limit == page_limit)
    connection.execute(statement.values(charged_at=0))


def move_position(connection: Connection, token_id: int, position: Position) -> None:
    """Set where the client stands: a read that it finished counts from now on.

    A read that finished in the meantime is noted as pending, and stays so.
    """
    row = sync_status.c
    statement = update(sync_status).where(row.token_id == token_id)
    connection.execute(
        statement.values(position_seq=position.seq, position_at=position.at, position_view=position.view)
    )
    is_it = and_(row.token_id == token_id, row.pending_seq == position.seq, row.pending_at == position.at)
    connection.execute(update(sync_status).where(is_it).values(pending_seq=None, pending_at=None, pending_view=None))


def note_finished(connection: Connection, token_id: int, pending: Position) -> None:
    """Note where the client will stand once its next read begins."""
    insert = postgresql_insert if is_postgresql(connection) else sqlite_insert
    values = {"pending_seq": pending.seq, "pending_at": pending.at, "pending_view": pending.view}
    statement = insert(sync_status).values(token_id=token_id, position_seq=0, position_at=0, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["token_id"], set_=values))


def _is(token_id: int, page_limit: int, session: Session) -> ColumnElement[bool]:
    """The session, whoever opened it: one with the same pages is the same."""
    row = api_sessions.c
    return and_(
        row.token_id == token_id,
        row.page_limit == page_limit,
        row.mode == session.mode.value,
        row.snapshot_seq == session.snapshot_seq,
        row.since_seq == session.since_seq,
        row.since_time == session.since_time,
        row.view == session.view,
    )


def _last_served_at() -> ColumnElement[float]:
    row = api_sessions.c
    finished_at = func.coalesce(row.finished_at, 0)
    return case((row.last_page_at > finished_at, row.last_page_at), else_=finished_at)


def _values(session: Session) -> dict[str, object]:
    return {**asdict(session), "mode": session.mode.value}
