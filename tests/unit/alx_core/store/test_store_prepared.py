"""Statements on the driver itself give what SQLAlchemy gives, in and outside a transaction, and fail as it does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Float,
    LargeBinary,
    String,
    bindparam,
    cast,
    delete,
    event,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from alx_core.store.engine import atomic
from alx_core.store.libpq import MOST
from alx_core.store.prepared import Prepared
from alx_core.store.tables import api_usage
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

VALUES = Prepared(
    select(
        bindparam("number", type_=BigInteger),
        cast(bindparam("share", type_=Float), Float(53)),
        bindparam("text", type_=String),
        cast(bindparam("bytes", type_=LargeBinary), LargeBinary),
        bindparam("number", type_=BigInteger),
        literal("100 % of it"),
    )
)
ADD = Prepared(insert(api_usage).values(companyid=bindparam("company"), day=bindparam("on"), calls=1))
CALLS = Prepared(select(api_usage.c.companyid, api_usage.c.calls).order_by(api_usage.c.companyid))
COUNT = Prepared(update(api_usage).values(calls=api_usage.c.calls + bindparam("more", type_=BigInteger)))
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("prepared")) as made:
        yield made


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A connection in autocommit, to an empty table, as a request has it."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as made:
        made.execute(delete(api_usage))
        yield made


def test_values_come_back_as_they_were_given(connection: Connection) -> None:
    whole = st.none() | st.integers(-(2**63), 2**63 - 1)
    real = st.none() | st.floats(allow_nan=False, allow_infinity=False)

    @given(whole, real, st.none() | TEXTS, st.none() | st.binary())
    def check(number: int | None, share: float | None, words: str | None, blob: bytes | None) -> None:
        values = {"number": number, "share": share, "text": words, "bytes": blob}
        assert VALUES.rows(connection, values) == [(number, share, words, blob, number, "100 % of it")]

    check()


def test_a_connection_keeps_those_statements_that_were_used_last(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        pytest.skip("SQLite's driver bounds its own")
    number = cast(bindparam("number", type_=BigInteger), BigInteger)
    statements = [Prepared(select(number, literal(each).label(f"v{each}"))) for each in range(2 * MOST)]
    for _ in range(2):
        for each, statement in enumerate(statements):
            assert statement.rows(connection, {"number": each}) == [(each, each)]
            assert statements[0].rows(connection, {"number": 7}) == [(7, 0)]
    kept = connection.execute(text("SELECT statement FROM pg_prepared_statements WHERE name LIKE 'alx%'")).scalars()
    assert len(found := list(kept)) == MOST
    assert any("v0" in each for each in found)


def test_what_is_written_is_counted_and_there_for_others_at_once(connection: Connection, engine: Engine) -> None:
    assert CALLS.first(connection, {}) is None
    assert [ADD.count(connection, {"company": company, "on": "2026-11-24"}) for company in (1, 2)] == [1, 1]
    assert COUNT.count(connection, {"more": 2**40}) == 2
    with engine.connect() as other:
        assert CALLS.rows(other, {}) == [(1, 2**40 + 1), (2, 2**40 + 1)]


def test_in_a_transaction_it_is_a_part_of_it(connection: Connection, engine: Engine) -> None:
    with engine.connect() as other:
        ADD.count(other, {"company": 1, "on": "2026-11-24"})
        assert CALLS.rows(other, {}) == [(1, 1)]
        other.rollback()
    assert CALLS.rows(connection, {}) == []


def test_an_error_is_sqlalchemys_and_shows_no_value(connection: Connection) -> None:
    values = {"company": 1, "on": "not to see"}
    ADD.count(connection, values)
    with pytest.raises(IntegrityError) as caught:
        ADD.count(connection, values)
    assert "not to see" not in str(caught.value.statement)
    assert caught.value.params is None
    assert not caught.value.connection_invalidated
    assert CALLS.rows(connection, {}) == [(1, 1)]  # the connection goes on


def test_who_listens_to_statements_hears_of_these(connection: Connection) -> None:
    heard: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *arguments: heard.append(arguments[2]))
    CALLS.rows(connection, {})
    assert [sql.partition(" ")[0] for sql in heard] == ["SELECT"]


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[Connection]:
    with (
        migrated_engine("postgresql", tmp_path) as engine,
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as made,
    ):
        yield made


@pytest.mark.parametrize("forget", ["DISCARD ALL", "DEALLOCATE ALL"])
def test_a_statement_that_the_server_forgot_is_prepared_anew(postgresql: Connection, forget: str) -> None:
    ADD.count(postgresql, {"company": 1, "on": "2026-11-24"})
    for _ in range(2):
        postgresql.execute(text(forget))
        assert COUNT.count(postgresql, {"more": 1}) == 1
    assert CALLS.rows(postgresql, {}) == [(1, 3)]


@pytest.mark.parametrize("forget", ["DISCARD ALL", "DEALLOCATE ALL"])
def test_a_transaction_begun_by_hand_does_not_fail_over_a_statement_that_was_forgotten(
    postgresql: Connection, forget: str
) -> None:
    ADD.count(postgresql, {"company": 1, "on": "2026-11-24"})
    assert COUNT.count(postgresql, {"more": 1}) == 1
    postgresql.execute(text(forget))
    with atomic(postgresql):
        assert COUNT.count(postgresql, {"more": 1}) == 1
    assert CALLS.rows(postgresql, {}) == [(1, 3)]


def test_what_fails_in_a_transaction_begun_by_hand_is_undone_and_the_connection_goes_on(connection: Connection) -> None:
    def add(*companies: int) -> None:
        with atomic(connection):
            for company in companies:
                ADD.count(connection, {"company": company, "on": "2026-11-24"})

    for _ in range(3):
        with pytest.raises(IntegrityError):
            add(1, 2, 2)
        assert CALLS.rows(connection, {}) == []
    add(3)
    assert CALLS.rows(connection, {}) == [(3, 1)]


def test_a_connection_that_is_gone_is_let_go_and_made_anew(postgresql: Connection) -> None:
    assert CALLS.rows(postgresql, {}) == []
    process = postgresql.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with postgresql.engine.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
    with pytest.raises(DBAPIError) as caught:
        CALLS.rows(postgresql, {})
    assert caught.value.connection_invalidated
    postgresql.rollback()
    assert CALLS.rows(postgresql, {}) == []
