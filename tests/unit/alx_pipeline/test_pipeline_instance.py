"""Runs that a stop left behind: ended when `alx up` starts, unless they may be alive."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from alx_core.settings import Settings
from alx_core.store.engine import CONNECT_TIMEOUT_S, GONE_AFTER
from alx_core.store.locks import writer_lock
from alx_pipeline.instance import prepare_home, reap_orphans, storage_url
from support.reporting_databases import migrated_engine


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def add_run(instance: dg.DagsterInstance) -> str:
    started = dg.DagsterRun("hourly_sync", run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED)
    return instance.add_run(started).run_id


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_who_is_reading_dagsters_configuration_while_it_is_written_anew_reads_the_whole_of_it(tmp_path: Path) -> None:
    path = tmp_path / "dagster" / "dagster.yaml"
    prepare_home(Settings(home=tmp_path))
    whole = path.read_text()
    with path.open() as reader:
        prepare_home(Settings(home=tmp_path, sync_max_runtime_s=77))
        assert reader.read() == whole
    assert "77" in path.read_text()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_run_that_was_left_behind_counts_as_failed_unless_a_sync_is_writing(
    instance: dg.DagsterInstance, tmp_path: Path, kind: str
) -> None:
    run_id = add_run(instance)
    with migrated_engine(kind, tmp_path) as engine:
        with writer_lock(engine, timeout_s=0):
            assert reap_orphans(instance, engine) == []
        assert status_of(instance, run_id) is dg.DagsterRunStatus.STARTED
        assert reap_orphans(instance, engine) == [run_id]
    assert status_of(instance, run_id) is dg.DagsterRunStatus.FAILURE


def test_dagster_too_waits_only_so_long_for_a_database_that_vanished() -> None:
    url = storage_url(make_url("postgresql://alx@db.example.com/alx?connect_timeout=3&sslmode=require"))
    _, asked = PGDialect_psycopg2().create_connect_args(url)
    assert {name: int(asked[name]) for name in GONE_AFTER} == GONE_AFTER
    assert int(asked["connect_timeout"]) == 3  # what the URL says itself holds
    assert asked["sslmode"] == "require"
    _, asked = PGDialect_psycopg2().create_connect_args(storage_url(make_url("postgresql://db.example.com/alx")))
    assert int(asked["connect_timeout"]) == CONNECT_TIMEOUT_S
