"""The API's connections, one per thread, when the server goes away and comes back."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text

from alx_core.errors import StoreUnreachable
from api_server.database import Database
from support.databases import SERVERS, scratch_database

pytestmark = pytest.mark.slow


class Threads:
    """A database that two threads have used, and a way to end its connections."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.first, self.second = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self.server = create_engine(SERVERS["postgresql"], isolation_level="AUTOCOMMIT")

    def ask(self, thread: ThreadPoolExecutor) -> int:
        return thread.submit(self._ask).result()

    def _ask(self) -> int:
        with self.database.connection() as connection:
            return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())

    def end_all(self, *, come_back: bool = True) -> None:
        """End all connections. `come_back`: new ones are let in."""
        name = self.database.engine.url.database
        ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = :name"
        with self.server.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {come_back}"))
            assert all(connection.execute(text(ended), {"name": name}).scalars())

    def close(self) -> None:
        for thread in (self.first, self.second):
            thread.submit(self.database.close).result()
            thread.shutdown()
        self.server.dispose()


@pytest.fixture
def threads() -> Iterator[Threads]:
    with scratch_database("postgresql") as url:
        made = Threads(Database(url))
        assert made.ask(made.first) != made.ask(made.second)
        yield made
        made.close()


def test_a_thread_keeps_its_connection(threads: Threads) -> None:
    assert threads.ask(threads.first) == threads.ask(threads.first)


def test_where_one_thread_found_its_connection_gone_the_others_connect_anew(threads: Threads) -> None:
    """Each would fail a request of its own else, when all is well again."""
    threads.end_all()
    with pytest.raises(StoreUnreachable):
        threads.ask(threads.first)
    assert threads.ask(threads.second) != threads.ask(threads.first)


def test_where_one_thread_could_not_connect_the_others_look_before_they_ask(threads: Threads) -> None:
    threads.first.submit(threads.database.close).result()
    threads.end_all(come_back=False)
    with pytest.raises(StoreUnreachable):
        threads.ask(threads.first)
    threads.end_all()
    assert threads.ask(threads.second) != threads.ask(threads.first)
