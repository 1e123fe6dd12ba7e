"""Dagster's storage on PostgreSQL: one connection for many statements, and none that a restarted server has ended."""

import multiprocessing
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.engine import URL

from alx_pipeline.dagster_home import storage_url
from alx_pipeline.kept_connections import with_connections_kept_by_runs, with_kept_connections
from support.databases import scratch_database


@pytest.fixture
def database() -> Iterator[URL]:
    with scratch_database("postgresql") as url:
        yield storage_url(url)


def backend(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def as_dagster_makes_it(url: URL) -> Engine:
    return create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)


def test_statements_one_after_the_other_share_a_connection(database: URL) -> None:
    engine = as_dagster_makes_it(with_kept_connections(database))
    assert len({backend(engine) for _ in range(5)}) == 1
    engine.dispose()
    assert len({backend(as_dagster_makes_it(database)) for _ in range(5)}) == 5  # what it does by itself


def count_backends(url: URL) -> int:
    """How many connections five statements take, one after the other."""
    engine = as_dagster_makes_it(url)
    found = len({backend(engine) for _ in range(5)})
    engine.dispose()
    return found


def test_the_code_server_keeps_none_and_the_runs_that_it_starts_do(database: URL) -> None:
    url = with_connections_kept_by_runs(database)
    assert count_backends(url) == 5
    with multiprocessing.get_context("spawn").Pool(1) as run:
        assert run.apply(count_backends, [url]) == 1


@pytest.mark.parametrize("pool", [{"poolclass": NullPool}, {"pool_size": 1}], ids=["daemon", "dagit"])
def test_a_connection_that_the_server_ended_is_replaced_unnoticed(database: URL, pool: dict[str, object]) -> None:
    engine = create_engine(with_kept_connections(database), isolation_level="AUTOCOMMIT", **pool)
    ended = backend(engine)
    other = as_dagster_makes_it(database)
    with other.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": ended})
    assert backend(engine) not in (0, ended)
    engine.dispose()


def test_who_waits_for_nobody_has_a_connection_of_its_own(database: URL) -> None:
    engine = as_dagster_makes_it(with_kept_connections(database))
    with engine.connect() as first, engine.connect() as second:
        pids = {connection.scalar(text("SELECT pg_backend_pid()")) for connection in (first, second)}
    assert len(pids) == 2
    engine.dispose()
