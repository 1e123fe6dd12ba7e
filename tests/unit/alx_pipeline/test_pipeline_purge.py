"""The purge of Dagster's runs, and the nightly job, on a real instance."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord
from dagster._core.test_utils import freeze_time

from alx_core.services.retention import DAY_S, NEVER_PURGED_S
from alx_core.settings import Settings
from alx_core.store.engine import open_engine
from alx_pipeline.dagster_home import KEEP_TICKS_DAYS
from alx_pipeline.definitions import make_definitions
from alx_pipeline.purge import daily_purge_schedule, purge_dagster_runs
from alx_pipeline.resources import Alx
from support.reporting_databases import write_migrated
from support.requests import log_requests, make_request

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def run_at(
    instance: dg.DagsterInstance, at: datetime, status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS
) -> str:
    """Book a run that was made at `at`."""
    run = dg.DagsterRun(job_name="hourly_sync", status=status)
    with freeze_time(at):
        instance.add_run(run)
    return run.run_id


def ids(instance: dg.DagsterInstance) -> set[str]:
    return {each.run_id for each in instance.get_runs()}


def purge(instance: dg.DagsterInstance, *, days: int, **options: object) -> int:
    return purge_dagster_runs(instance, days=days, now=NOW.timestamp(), **options)  # type: ignore[arg-type]


def test_runs_that_ended_long_ago_go_and_young_ones_stay(instance: dg.DagsterInstance) -> None:
    for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED):
        run_at(instance, NOW - timedelta(days=91), status)
    young = run_at(instance, NOW - timedelta(days=89))
    assert purge(instance, days=90) == 3
    assert ids(instance) == {young}


def test_a_run_that_has_not_ended_stays_however_old(instance: dg.DagsterInstance) -> None:
    hanging = run_at(instance, NOW - timedelta(days=200), dg.DagsterRunStatus.STARTED)
    assert purge(instance, days=90) == 0
    assert ids(instance) == {hanging}


def test_nothing_within_the_look_back_goes_whatever_is_set(instance: dg.DagsterInstance) -> None:
    kept = run_at(instance, NOW - timedelta(seconds=NEVER_PURGED_S - 60))
    run_at(instance, NOW - timedelta(seconds=NEVER_PURGED_S + 60))
    assert purge(instance, days=0) == 1
    assert ids(instance) == {kept}


def test_the_run_that_last_made_an_asset_stays(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def rarely_made() -> None:
        return

    with freeze_time(NOW - timedelta(days=200)):
        older = dg.materialize([rarely_made], instance=instance)
        newer = dg.materialize([rarely_made], instance=instance)
    assert purge(instance, days=90) == 1
    assert ids(instance) == {newer.run_id}
    assert older.run_id != newer.run_id
    assert instance.get_latest_materialization_event(rarely_made.key) is not None


def test_what_the_checks_of_a_run_said_goes_with_it(instance: dg.DagsterInstance) -> None:
    @dg.asset_check(asset="checked")
    def is_fine() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.asset
    def checked() -> None:
        return

    with freeze_time(NOW - timedelta(days=200)):
        dg.materialize([checked, is_fine], instance=instance)
    young = dg.materialize([checked, is_fine], instance=instance)
    assert {each.run_id for each in outcomes(instance)} > {young.run_id}
    assert purge(instance, days=90) == 1
    assert [each.run_id for each in outcomes(instance)] == [young.run_id]


def outcomes(instance: dg.DagsterInstance) -> list[AssetCheckExecutionRecord]:
    key = dg.AssetCheckKey(dg.AssetKey("checked"), "is_fine")
    return list(instance.event_log_storage.get_asset_check_execution_history(key, limit=10))


def test_it_stops_when_its_time_is_over(instance: dg.DagsterInstance) -> None:
    run_at(instance, NOW - timedelta(days=91))
    ticks = iter((0.0, 11.0))
    assert purge(instance, days=90, budget_s=10, monotonic=lambda: next(ticks)) == 0


def test_ticks_are_purged_by_dagster_itself() -> None:
    assert set(KEEP_TICKS_DAYS) == {"skipped", "failure", "success"}
    assert max(KEEP_TICKS_DAYS.values()) <= 90


def test_the_nightly_job_purges_and_shows_what_went(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    write_migrated(tmp_path / "alx.sqlite")
    with open_engine(settings.database) as engine:
        log_requests(engine, [make_request(at=NOW.timestamp() - 91 * DAY_S), make_request(at=NOW.timestamp())])
    job = make_definitions(Alx(lambda: settings)).resolve_job_def("daily_purge")
    done = job.execute_in_process(instance=instance)
    (output,) = [each for each in done.all_events if each.is_successful_output]
    assert {name: each.value for name, each in output.step_output_data.metadata.items()} == {
        "requests": 1, "metrics": 0, "usage": 0, "runs": 0, "alerts": 0, "tombstones": 0, "history": 0, "sessions": 0,
        "dagster_runs": 0,
    }  # fmt: skip


def test_it_runs_every_night_by_itself() -> None:
    assert daily_purge_schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert daily_purge_schedule.cron_schedule == "40 3 * * *"
