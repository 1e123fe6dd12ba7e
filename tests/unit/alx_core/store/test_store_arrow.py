"""Reading as Arrow: what is cut off in the middle is an error of the database, and the next read goes on."""

import adbc_driver_manager
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

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
