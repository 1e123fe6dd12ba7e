"""Paged reads and the positions of incremental clients, as they stand between two requests."""

from dataclasses import fields

from sqlalchemy import Connection, Float, Integer, and_, bindparam, case, delete, func, select, update

from alx_core.domain.paging import IDLE_S, SEVERAL_S, Position, Session
from alx_core.store.engine import insert_into
from alx_core.store.prepared import Prepared
from alx_core.store.tables import api_sessions, sync_status


def begin_session(
    connection: Connection, token_id: int, page_limit: int, *, before: Session | None, session: Session
) -> bool:
    """Write a new read in the place of `before`. False: somebody else was faster, look again."""
    values = {"token_id": token_id, "page_limit": page_limit, **_values(session)}
    statement = insert_into(connection, api_sessions).values(values)
    if before is None:
        statement = statement.on_conflict_do_nothing()
    else:
        row = api_sessions.c
        unchanged = and_(
            *(row[name] == value for name, value in _values(before).items() if name in _SAME),
            row.opened_at == before.opened_at,
            row.last_page_at == before.last_page_at,
            row.finished_at.is_not_distinct_from(before.finished_at),
            row.reads_begun == before.reads_begun,
            row.reads_finished == before.reads_finished,
        )
        keys = ["token_id", "page_limit"]
        statement = statement.on_conflict_do_update(index_elements=keys, set_=_values(session), where=unchanged)
    return connection.execute(statement.returning(api_sessions.c.token_id)).first() is not None


# The statements of most requests, made once: building one takes longer than running it. Values are named `b_*`, as a
# column's own name would be taken for what is set.
_ROW = api_sessions.c
_LAST_SERVED_AT = case(
    (_ROW.last_page_at > func.coalesce(_ROW.finished_at, 0), _ROW.last_page_at),
    else_=func.coalesce(_ROW.finished_at, 0),
)
_IS_OVER = (bindparam("b_idle_since", type_=Float) >= _LAST_SERVED_AT) | (
    (_ROW.reads_begun <= _ROW.reads_finished) & (bindparam("b_several_since", type_=Float) >= _LAST_SERVED_AT)
)
"""Whether nobody can be in the middle any more, nor ask for a last page again that would end the read that begins."""
_FIELDS = tuple(field.name for field in fields(Session))
_SAME = ("mode", "snapshot_seq", "since_seq", "since_time", "view")
"""What makes a session the same, whoever opened it: one with the same pages."""
_THIS = update(api_sessions).where(
    *(_ROW[name] == bindparam(f"b_{name}") for name in ("token_id", "page_limit", *_SAME))
)
_READS = bindparam("b_reads", type_=Integer)
NOTE_BEGUN = _THIS.values(
    reads_begun=case((_IS_OVER, _READS), else_=_ROW.reads_begun + _READS),
    reads_finished=case((_IS_OVER, 0), else_=_ROW.reads_finished),
    last_page_at=bindparam("b_now"),
    opened_at=func.coalesce(bindparam("b_opened_at", type_=Float), _ROW.opened_at),
)
"""Counts reads that begin, with the values of `note_begun_values`."""
_NOTE_BEGUN = Prepared(NOTE_BEGUN)
_NOTE_PAGE = Prepared(_THIS.values(last_page_at=bindparam("b_now")))
_NOTE_LAST_PAGE = Prepared(
    _THIS.values(
        finished_at=bindparam("b_now"), reads_finished=_ROW.reads_finished + bindparam("b_ended", type_=Integer)
    )
)


def note_begun(
    connection: Connection, token_id: int, page_limit: int, session: Session, *, now: float, is_newest: bool
) -> bool:
    """Count a read that got its first page and has more before it. False: another session took this one's place.

    Where nobody is in the middle any more, the count begins anew. `is_newest` says that the snapshot still is.
    """
    values = note_begun_values(token_id, page_limit, session, now=now, is_newest=is_newest)
    return _NOTE_BEGUN.count(connection, values) == 1


def note_begun_values(
    token_id: int, page_limit: int, session: Session, *, now: float, is_newest: bool, reads: int = 1
) -> dict[str, object]:
    """Return the values of `NOTE_BEGUN` for as many `reads`."""
    times = {
        "b_now": now,
        "b_idle_since": now - IDLE_S,
        "b_several_since": now - SEVERAL_S,
        "b_opened_at": now if is_newest else None,
    }
    return {**_this(token_id, page_limit, session), **times, "b_reads": reads}


def note_page(connection: Connection, token_id: int, page_limit: int, session: Session, *, now: float) -> None:
    """Note that a page in the middle was served; a session that another has replaced is left alone."""
    _NOTE_PAGE.count(connection, {**_this(token_id, page_limit, session), "b_now": now})


def note_last_page(
    connection: Connection, token_id: int, page_limit: int, session: Session, *, now: float, ends_read: bool
) -> bool:
    """Note that the last page was served, and count the read that it ends. False: the session was replaced."""
    values = {"b_now": now, "b_ended": int(ends_read)}
    return _NOTE_LAST_PAGE.count(connection, {**_this(token_id, page_limit, session), **values}) == 1


def find_charge(connection: Connection, token_id: int, page_limit: int, *, is_to_change: bool = False) -> float:
    """Return when a read was charged last (epoch seconds; 0: never).

    Where it `is_to_change`, others who ask so wait for the end of this transaction.
    """
    row = api_sessions.c
    query = select(row.charged_at).where(row.token_id == token_id, row.page_limit == page_limit)
    return connection.execute(query.with_for_update() if is_to_change else query).scalar() or 0.0


def note_charge(connection: Connection, token_id: int, page_limit: int, *, at: float) -> None:
    """Note when a read was charged; 0 is never."""
    statement = update(api_sessions).where(api_sessions.c.token_id == token_id, api_sessions.c.page_limit == page_limit)
    connection.execute(statement.values(charged_at=at))


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
    values = {"pending_seq": pending.seq, "pending_at": pending.at, "pending_view": pending.view}
    statement = insert_into(connection, sync_status).values(token_id=token_id, position_seq=0, position_at=0, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["token_id"], set_=values))


def _this(token_id: int, page_limit: int, session: Session) -> dict[str, object]:
    return {
        "b_token_id": token_id,
        "b_page_limit": page_limit,
        "b_mode": session.mode.value,
        "b_snapshot_seq": session.snapshot_seq,
        "b_since_seq": session.since_seq,
        "b_since_time": session.since_time,
        "b_view": session.view,
    }


def _values(session: Session) -> dict[str, object]:
    return {name: getattr(session, name) for name in _FIELDS} | {"mode": session.mode.value}


def forget_reads(connection: Connection, token_id: int) -> None:
    """Forget a token's reads and position: it belongs to another company now, of which its client has nothing."""
    connection.execute(delete(api_sessions).where(api_sessions.c.token_id == token_id))
    connection.execute(delete(sync_status).where(sync_status.c.token_id == token_id))
