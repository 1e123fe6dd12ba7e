"""Reading as Arrow: what is cut off in the middle is an error of the database, and the next read goes on."""

import adbc_driver_manager
import pytest
from adbc_driver_manager.dbapi import Connection
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from alx_core.store import arrow
from alx_core.store.arrow import ArrowDatabase
from support.databases import scratch_database

pytestmark = pytest.mark.slow

MANY = "SELECT i, repeat('x', 100) AS text FROM generate_series(1, 1000000) AS i"
"""More than the server sends ahead of a reader."""
CUT_OFF = r"canceling statement|terminating connection|closed the connection|unexpected eof"


def cut_off(url: URL, how: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert connection.execute(text(f"SELECT {how}(pid) {others}")).scalars().all() == [True]
    engine.dispose()


def read_and_cut_off(database: ArrowDatabase, url: URL, how: str) -> None:
    with database.snapshot() as snapshot:
        batches = snapshot.stream(MANY)
        assert 0 < next(batches).height < 1_000_000
        cut_off(url, how)
        list(batches)


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_read_that_is_cut_off_in_the_middle_is_an_error_of_the_database(how: str) -> None:
    with scratch_database("postgresql") as url:
        database = ArrowDatabase(url)
        with pytest.raises(adbc_driver_manager.OperationalError, match=CUT_OFF):
            read_and_cut_off(database, url, how)
        with database.snapshot() as snapshot:
            assert [frame.rows() for frame in snapshot.stream("SELECT 7 AS number")] == [[(7,)]]
        database.close()


def test_a_read_says_whose_it_is() -> None:
    with scratch_database("postgresql") as url:
        database = ArrowDatabase(url)
        with database.snapshot() as snapshot:
            (frame,) = snapshot.stream("SELECT current_setting('application_name') AS name")
        database.close()
    assert frame.rows() == [("alx",)]


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What ADBC was asked to connect to, which has it learn the database's types."""
    asked: list[str] = []
    connect = arrow.adbc_postgresql.connect

    def asking(uri: str) -> Connection:
        asked.append(uri)
        return connect(uri)

    monkeypatch.setattr(arrow.adbc_postgresql, "connect", asking)
    return asked


def pid(snapshot: arrow.Snapshot) -> int:
    return int(next(snapshot.stream("SELECT pg_backend_pid()")).item())


def test_all_connections_share_what_the_first_learnt_of_the_database(connects: list[str]) -> None:
    with scratch_database("postgresql") as url:
        database = ArrowDatabase(url)
        database.connect_ahead()
        with database.snapshot() as one, database.snapshot() as other:
            assert pid(one) != pid(other)
        database.close()
    assert len(connects) == 1


def fail_on_the_first_of_two(database: ArrowDatabase) -> None:
    with database.snapshot() as first, database.snapshot() as other:
        assert pid(first) != pid(other)
        list(first.stream("SELECT 1 / 0"))


def test_when_the_first_connection_breaks_the_others_go_on(connects: list[str]) -> None:
    with scratch_database("postgresql") as url:
        database = ArrowDatabase(url)
        with pytest.raises(adbc_driver_manager.Error, match="division by zero"):
            fail_on_the_first_of_two(database)
        for _ in range(2):
            with database.snapshot() as one, database.snapshot() as other:
                assert pid(one) != pid(other)
        database.close()
    assert len(connects) == 2


def test_a_server_that_is_not_there_is_met_by_who_reads() -> None:
    database = ArrowDatabase(URL.create("postgresql", host="127.0.0.1", port=1, database="nowhere"))
    database.connect_ahead()
    with pytest.raises(adbc_driver_manager.OperationalError, match="Connection refused"), database.snapshot():
        pass
    database.close()
