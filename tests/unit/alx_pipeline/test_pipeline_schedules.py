"""The hourly schedule on a real instance: what is owed, what is under way, and how it is asked for."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from alx_core.settings import Settings
from alx_pipeline.assets.reporting import REBUILD_KEY, TABLE_KEY
from alx_pipeline.catch_up import IN_FLIGHT, missing_hours
from alx_pipeline.definitions import make_definitions
from alx_pipeline.partitions import (
    HOUR,
    PARTITION_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    contiguous,
    key_of,
    keys_between,
    newest_complete_hour,
)
from alx_pipeline.resources import Alx
from alx_pipeline.schedules import SYNC, hourly_sync_schedule

DEFINITIONS = make_definitions(Alx(lambda: Settings(home=Path("/nowhere"))))
NEWEST = newest_complete_hour()
"""Of the machine's clock: Dagster stamps runs with it."""
TICK = NEWEST + HOUR + timedelta(minutes=5)

NAMES_THE_TABLE = pytest.param(frozenset({TABLE_KEY}), id="a backfill made")
NAMES_NOTHING = pytest.param(None, id="the schedule or `alx sync` made")
MADE_BY = [NAMES_THE_TABLE, NAMES_NOTHING]
"""Asset selection of a run, by who made it: seen with a real daemon on 1.13.27."""


@pytest.fixture(scope="module")
def shared_instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture
def instance(shared_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """An instance where nothing has happened yet."""
    shared_instance.wipe()
    return shared_instance


def hours_ago(*ago: int) -> list[str]:
    """Keys of the hours so many before the newest complete one, which is 0."""
    return [key_of(NEWEST - each * HOUR) for each in ago]


def materialize(instance: dg.DagsterInstance, keys: Iterable[str]) -> None:
    for key in keys:
        instance.report_runless_asset_event(dg.AssetMaterialization(TABLE_KEY, partition=key))


ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("alx_pipeline"), "__repository__"), "hourly_sync"
)


def make_run(
    instance: dg.DagsterInstance,
    *keys: str,
    status: dg.DagsterRunStatus,
    selection: frozenset[dg.AssetKey] | None,
    job: str = "hourly_sync",
) -> None:
    """Book a run as the daemon does, without a process behind it."""
    tags = {PARTITION_TAG: keys[0]} if len(keys) == 1 else {RANGE_START_TAG: keys[0], RANGE_END_TAG: keys[-1]}
    instance.add_run(
        dg.DagsterRun(job_name=job, tags=tags, status=status, asset_selection=selection, remote_job_origin=ORIGIN)
    )


def tick(instance: dg.DagsterInstance, at: datetime = TICK) -> ScheduleExecutionData:
    """One evaluation of the schedule, as the daemon does it."""
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, repository_def=DEFINITIONS.get_repository_def()
    )
    return hourly_sync_schedule.evaluate_tick(context)


def asked_for(instance: dg.DagsterInstance, at: datetime = TICK) -> list[tuple[str, str]]:
    """First and last hour of each run that a tick asks for."""
    return [
        (request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG])
        if RANGE_START_TAG in request.tags
        else (request.tags[PARTITION_TAG], request.tags[PARTITION_TAG])
        for request in tick(instance, at).run_requests
    ]


def test_it_runs_by_itself_five_past_each_hour_in_utc() -> None:
    assert hourly_sync_schedule.cron_schedule == "5 * * * *"
    assert hourly_sync_schedule.execution_timezone == "UTC"
    assert hourly_sync_schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert hourly_sync_schedule.job_name == "hourly_sync"


def test_a_fresh_instance_owes_only_the_newest_hour(instance: dg.DagsterInstance) -> None:
    assert missing_hours(instance, NEWEST, SYNC) == hours_ago(0)
    assert asked_for(instance) == [tuple(hours_ago(0, 0))]


def test_the_newest_hour_is_the_one_that_ended_before_the_tick(instance: dg.DagsterInstance) -> None:
    at = datetime(2026, 11, 23, 11, 5, tzinfo=UTC)
    assert asked_for(instance, at) == [("2026-11-23-10:00", "2026-11-23-10:00")]


def test_five_missing_hours_are_one_run(instance: dg.DagsterInstance) -> None:
    materialize(instance, hours_ago(7, 6, 5))
    assert asked_for(instance) == [tuple(hours_ago(4, 0))]


def test_a_run_of_a_block_is_one_that_the_job_accepts(instance: dg.DagsterInstance) -> None:
    materialize(instance, hours_ago(5))
    (request,) = tick(instance).run_requests
    job = DEFINITIONS.resolve_job_def("hourly_sync")
    assert request.partition_key is None
    assert job.partitions_def is not None
    keys = job.partitions_def.get_partition_keys()
    assert {request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]} <= set(keys)


def test_holes_give_one_run_per_block(instance: dg.DagsterInstance) -> None:
    materialize(instance, hours_ago(9, 6, 2))
    assert asked_for(instance) == [tuple(hours_ago(8, 7)), tuple(hours_ago(5, 3)), tuple(hours_ago(1, 0))]


def test_when_all_is_done_nothing_is_asked_for_and_it_says_so(instance: dg.DagsterInstance) -> None:
    materialize(instance, hours_ago(2, 1, 0))
    result = tick(instance)
    assert not result.run_requests
    assert hours_ago(0)[0] in str(result.skip_message)


def test_nothing_is_owed_for_the_time_before_the_first_hour_ever_done(instance: dg.DagsterInstance) -> None:
    materialize(instance, hours_ago(3))
    assert missing_hours(instance, NEWEST, SYNC) == hours_ago(2, 1, 0)


def test_done_is_what_was_materialized_of_this_asset_alone(instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(REBUILD_KEY))
    assert missing_hours(instance, NEWEST, SYNC) == hours_ago(0)


# --- the look-back ---


def test_the_look_back_is_48_hours_the_newest_included(instance: dg.DagsterInstance) -> None:
    materialize(instance, hours_ago(47))
    assert missing_hours(instance, NEWEST, SYNC) == keys_between(NEWEST - 46 * HOUR, NEWEST + HOUR)


@pytest.mark.parametrize("ago", [48, 60, 24 * 7])
def test_after_a_longer_outage_the_last_48_hours_are_owed(instance: dg.DagsterInstance, ago: int) -> None:
    materialize(instance, hours_ago(ago))
    assert missing_hours(instance, NEWEST, SYNC) == keys_between(NEWEST - 47 * HOUR, NEWEST + HOUR)


def test_a_hole_that_is_older_than_the_look_back_is_left_to_a_click(instance: dg.DagsterInstance) -> None:
    materialize(instance, [*hours_ago(50), *keys_between(NEWEST - 47 * HOUR, NEWEST + HOUR)])
    assert missing_hours(instance, NEWEST, SYNC) == []


# --- runs that are under way, or failed ---


@pytest.mark.parametrize("status", IN_FLIGHT)
def test_an_hour_under_way_in_a_run_of_the_table_is_not_asked_for_again(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    materialize(instance, hours_ago(2))
    make_run(instance, *hours_ago(0), status=status, selection=frozenset({TABLE_KEY}))
    assert missing_hours(instance, NEWEST, SYNC) == hours_ago(1)


@pytest.mark.parametrize("selection", MADE_BY)
def test_an_hour_is_not_asked_for_again_while_it_is_under_way_in_a_run_that(
    instance: dg.DagsterInstance, selection: frozenset[dg.AssetKey] | None
) -> None:
    materialize(instance, hours_ago(1))
    make_run(instance, *hours_ago(0), status=dg.DagsterRunStatus.STARTED, selection=selection)
    assert missing_hours(instance, NEWEST, SYNC) == []


@pytest.mark.parametrize("selection", MADE_BY)
def test_a_block_is_not_asked_for_again_while_it_is_under_way_in_a_run_that(
    instance: dg.DagsterInstance, selection: frozenset[dg.AssetKey] | None
) -> None:
    materialize(instance, hours_ago(6))
    make_run(instance, *hours_ago(5, 1), status=dg.DagsterRunStatus.QUEUED, selection=selection)
    assert missing_hours(instance, NEWEST, SYNC) == hours_ago(0)


def test_every_status_of_a_run_that_has_not_ended_counts_as_under_way() -> None:
    ended = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
    never_made = {dg.DagsterRunStatus.MANAGED, dg.DagsterRunStatus.SUSPENDED}  # by the open-source Dagster
    assert set(IN_FLIGHT) == set(dg.DagsterRunStatus) - ended - never_made


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
def test_an_hour_whose_run_failed_is_asked_for_again(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    materialize(instance, hours_ago(3, 2, 0))
    make_run(instance, *hours_ago(1), status=status, selection=None)
    assert asked_for(instance) == [tuple(hours_ago(1, 1))]


@pytest.mark.parametrize("selection", MADE_BY)
def test_the_first_hour_ever_is_asked_for_again_when_it_failed_in_a_run_that(
    instance: dg.DagsterInstance, selection: frozenset[dg.AssetKey] | None
) -> None:
    make_run(instance, *hours_ago(2), status=dg.DagsterRunStatus.FAILURE, selection=selection)
    assert missing_hours(instance, NEWEST, SYNC) == hours_ago(2, 1, 0)


def test_each_tick_asks_for_a_failed_hour_under_another_run_key(instance: dg.DagsterInstance) -> None:
    """A run key is used once: without the tick in it a failed hour would never be tried again."""
    requests = [tick(instance, at).run_requests[0] for at in (TICK, TICK + timedelta(minutes=30))]
    assert [request.tags[PARTITION_TAG] for request in requests] == hours_ago(0, 0)
    assert requests[0].run_key != requests[1].run_key


def test_the_same_tick_asks_under_the_same_run_key(instance: dg.DagsterInstance) -> None:
    assert tick(instance).run_requests[0].run_key == tick(instance).run_requests[0].run_key


def test_the_runs_of_a_tick_have_keys_of_their_own(instance: dg.DagsterInstance) -> None:
    materialize(instance, hours_ago(9, 6, 2))
    keys = [request.run_key for request in tick(instance).run_requests]
    assert len(set(keys)) == len(keys) == 3


def test_runs_of_other_assets_say_nothing_about_the_table(instance: dg.DagsterInstance) -> None:
    make_run(
        instance, *hours_ago(0), status=dg.DagsterRunStatus.STARTED, selection=frozenset({REBUILD_KEY}), job="rebuild"
    )
    assert missing_hours(instance, NEWEST, SYNC) == hours_ago(0)


def test_what_is_asked_for_is_what_is_missing(instance: dg.DagsterInstance) -> None:
    materialize(instance, hours_ago(12, 9, 8, 3))
    missing = missing_hours(instance, NEWEST, SYNC)
    assert asked_for(instance) == [(block[0], block[-1]) for block in contiguous(missing)]
