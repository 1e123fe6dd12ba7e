"""Runs that a stop left behind: ended when `alx up` starts, unless they may be alive."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from alx_core.store.locks import writer_lock
from alx_pipeline.instance import reap_orphans
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine


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


@pytest.mark.parametrize("kind", KINDS_OF_DATABASE)
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
