"""Which runs are ended because their process is gone: those of which that is sure, and no others."""

import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from dagster import DagsterEvent, DagsterEventType
from dagster._core.launcher import LaunchRunContext
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from alx_core.settings import Settings
from alx_core.store.locks import writer_lock
from alx_pipeline.dagster_home import prepare_home
from alx_pipeline.instance import open_instance, reap_orphans
from alx_pipeline.run_launcher import WatchedRunLauncher
from alx_pipeline.run_process import HOST_TAG, this_host
from support.reporting_databases import migrated_engine
from support.stack import wait_for

pytestmark = pytest.mark.slow

HERE = {HOST_TAG: this_host()}
LOOKS = 3


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """The instance that `alx up` makes, launcher included."""
    prepare_home(Settings(home=tmp_path))
    with open_instance(tmp_path / "dagster") as made:
        yield made


@pytest.fixture
def dead() -> int:
    """The id of a process that has ended, and that nobody has got since."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        return child.pid


def start_run(instance: dg.DagsterInstance, pid: int | None, tags: dict[str, str]) -> dg.DagsterRun:
    """A run that `pid` began to execute, as Dagster books it."""
    run = dg.DagsterRun("hourly_sync", run_id=str(uuid.uuid4()), tags=tags, status=dg.DagsterRunStatus.STARTING)
    instance.add_run(run)
    event = DagsterEvent(DagsterEventType.RUN_START.value, run.job_name, pid=pid)
    instance.report_dagster_event(event, run.run_id)
    return stored(instance, run)


def stored(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def monitor(instance: dg.DagsterInstance) -> list[Any]:
    """One look of Dagster's monitoring at all runs; returns the errors it met."""
    context = cast("Any", SimpleNamespace(instance=instance, create_request_context=lambda: None))
    return [each for each in execute_run_monitoring_iteration(context, logging.getLogger("monitoring")) if each]


def status_after_looks(instance: dg.DagsterInstance, pid: int | None, tags: dict[str, str]) -> dg.DagsterRunStatus:
    run = start_run(instance, pid, tags)
    for _ in range(LOOKS):
        assert monitor(instance) == []
    return stored(instance, run).status


def test_a_run_whose_process_is_gone_at_two_looks_is_failed_and_tried_again(
    instance: dg.DagsterInstance, dead: int
) -> None:
    run = start_run(instance, dead, HERE)
    assert monitor(instance) == []
    assert stored(instance, run).status is dg.DagsterRunStatus.STARTED, "a code server may say why"
    assert monitor(instance) == []
    after = stored(instance, run)
    assert after.status is dg.DagsterRunStatus.FAILURE
    assert after.tags["dagster/will_retry"] == "true"


@pytest.mark.parametrize(
    ("pid", "tags"),
    [
        (os.getpid(), HERE),
        (1, HERE),  # not ours to send a signal to, unless we are root
        (None, HERE),
        ("dead", {HOST_TAG: "elsewhere"}),
        ("dead", {}),
        ("dead", {**HERE, GRPC_INFO_TAG: '{"host": "localhost", "socket": "/nowhere/code.sock"}'}),
    ],
    ids=["alive", "somebody else's", "unknown", "on another host", "nobody noted where", "no code server to retry it"],
)
def test_a_run_whose_process_may_be_there_is_left_alone(
    instance: dg.DagsterInstance, dead: int, pid: Any, tags: dict[str, str]
) -> None:
    assert status_after_looks(instance, dead if pid == "dead" else pid, tags) is dg.DagsterRunStatus.STARTED


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_process_that_ended_and_that_its_parent_forgot_is_gone(instance: dg.DagsterInstance) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        stat = Path(f"/proc/{child.pid}/stat")
        wait_for(lambda: " Z " in stat.read_text(), timeout_s=30, describe="the child's end")
        assert status_after_looks(instance, child.pid, HERE) is dg.DagsterRunStatus.FAILURE


def test_a_run_that_ended_well_between_two_looks_keeps_its_success(instance: dg.DagsterInstance, dead: int) -> None:
    seen = start_run(instance, dead, HERE)
    success = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, seen.job_name, pid=dead)
    instance.report_dagster_event(success, seen.run_id)
    for _ in range(LOOKS):
        assert instance.run_launcher.check_run_worker_health(seen).status.value == "RUNNING"
    assert monitor(instance) == []
    assert stored(instance, seen).status is dg.DagsterRunStatus.SUCCESS


def test_a_look_that_fails_leaves_the_run_alone_until_the_next_one(
    instance: dg.DagsterInstance, dead: int, tmp_path: Path
) -> None:
    run = start_run(instance, dead, HERE)
    assert monitor(instance) == []
    events = tmp_path / "dagster" / "history" / "runs" / f"{run.run_id}.db"
    whole = events.read_bytes()
    events.write_bytes(b"no database" * 1000)
    assert len(monitor(instance)) == 1
    assert stored(instance, run).status is dg.DagsterRunStatus.STARTED
    events.write_bytes(whole)
    assert monitor(instance) == []
    assert stored(instance, run).status is dg.DagsterRunStatus.FAILURE


def test_alx_up_that_starts_beside_a_sync_fails_the_run_whose_process_is_gone_and_no_other(
    instance: dg.DagsterInstance, dead: int, tmp_path: Path
) -> None:
    gone = start_run(instance, dead, HERE)
    others = [start_run(instance, os.getpid(), HERE), start_run(instance, dead, {})]
    with migrated_engine("sqlite", tmp_path) as engine, writer_lock(engine, timeout_s=0):
        assert reap_orphans(instance, engine) == [gone.run_id]
    assert {stored(instance, each).status for each in others} == {dg.DagsterRunStatus.STARTED}


def test_where_a_run_is_launched_is_noted_before_it_can_start_also_when_it_repeats_one_of_elsewhere(
    instance: dg.DagsterInstance,
) -> None:
    run = dg.DagsterRun("hourly_sync", run_id=str(uuid.uuid4()), tags={HOST_TAG: "elsewhere"})
    instance.add_run(run)
    assert isinstance(instance.run_launcher, WatchedRunLauncher)
    with pytest.raises(dg.DagsterInvariantViolationError, match="requires a workspace"):
        instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    assert stored(instance, run).tags[HOST_TAG] == this_host()
