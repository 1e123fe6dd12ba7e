"""Dagster as people use it: a real daemon, Dagit's own GraphQL, processes killed the hard way."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from alx_core.settings import Settings
from alx_core.store.locks import writer_lock
from alx_pipeline.dagster_home import STORAGE_URL, storage_url
from alx_pipeline.partitions import HOUR, key_of, keys_between, newest_complete_hour
from support import back_date_schedule as back_date_script
from support.site import live_rows
from support.stack import Stack, wait_for

pytestmark = pytest.mark.slow

BACK_DATE = str(Path(back_date_script.__file__))
OTHER_JOBS = ("hourly_metrics", "daily_purge")
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@contextmanager
def reporting(stack: Stack) -> Iterator[Engine]:
    env = stack.env()
    settings = Settings(home=stack.home, database_url=env.get("ALX_DATABASE_URL"))
    engine = create_engine(settings.database)
    yield engine
    engine.dispose()


def row_count(stack: Stack) -> int:
    with reporting(stack) as engine, engine.connect() as connection:
        return len(live_rows(connection))


def test_a_backfill_of_48_hours_is_one_run_and_leaves_48_green_partitions(production: Stack) -> None:
    stack = production
    end = newest_complete_hour() + HOUR
    hours = keys_between(end - 48 * HOUR, end)
    with stack.up():
        assert stack.backfill(hours) == "COMPLETED_SUCCESS"
        runs = [run for run in stack.runs() if run["tags"].get(RANGE[0])]
        assert [(run["status"], run["tags"][RANGE[0]], run["tags"][RANGE[1]]) for run in runs] == [
            ("SUCCESS", hours[0], hours[-1])
        ]
        assert stack.partitions()["partitionStats"] == {"numMaterialized": 48, "numFailed": 0}
    assert row_count(stack) > 1400


def back_date_schedule(stack: Stack, ago: timedelta) -> None:
    """Make the daemon believe that the schedule was last looked at some time ago: as if it had been off since then."""
    env = stack.env() | {"DAGSTER_HOME": str(stack.home / "dagster")}
    database = Settings(home=stack.home, database_url=env.get("ALX_DATABASE_URL")).database
    if database.get_backend_name() == "postgresql":
        env[STORAGE_URL] = storage_url(database).render_as_string(hide_password=False)
    since = (datetime.now(UTC) - ago).timestamp()
    subprocess.run([sys.executable, BACK_DATE, str(since)], env=env, check=True, timeout=60)


def newest_scheduled_hour() -> datetime:
    """The hour that the schedule's last tick asked for; just before a tick, wait for it to pass."""
    now = datetime.now(UTC)
    tick = now.replace(minute=5, second=0, microsecond=0)
    if timedelta() < tick - now < timedelta(minutes=3):
        time.sleep((tick - now).total_seconds() + 1)
    return newest_complete_hour(datetime.now(UTC) - timedelta(minutes=5))


def scheduled_runs(stack: Stack) -> list[dict]:
    return [run for run in stack.runs() if run["tags"].get("dagster/schedule_name") == "hourly_sync_schedule"]


def finished(stack: Stack, count: int) -> bool:
    runs = scheduled_runs(stack)
    return len(runs) >= count and all(run["status"] in ("SUCCESS", "FAILURE") for run in runs)


def test_five_missed_hours_are_caught_up_by_one_run_after_a_restart(production: Stack) -> None:
    stack = production
    newest = newest_scheduled_hour()
    done_until = newest - 5 * HOUR
    first = stack.alx(
        "sync", "--from", f"{done_until - 3 * HOUR:%Y-%m-%dT%H:00}", "--to", f"{done_until + HOUR:%Y-%m-%dT%H:00}"
    )
    assert first.returncode == 0, first.stderr
    with stack.up():
        wait_for(lambda: schedule_is_known(stack), timeout_s=60, describe="the daemon's first look at the schedule")
    back_date_schedule(stack, timedelta(hours=5, minutes=30))
    with stack.up():
        wait_for(lambda: finished(stack, 1), timeout_s=90, describe="the catch-up run")
        runs = scheduled_runs(stack)
        assert [(run["status"], run["tags"][RANGE[0]], run["tags"][RANGE[1]]) for run in runs] == [
            ("SUCCESS", key_of(newest - 4 * HOUR), key_of(newest))
        ]
        assert stack.partitions()["partitionStats"] == {"numMaterialized": 9, "numFailed": 0}


def schedule_is_known(stack: Stack) -> bool:
    found = stack.graphql(
        '{ schedulesOrError(repositorySelector: {repositoryName: "__repository__", '
        'repositoryLocationName: "alx_pipeline"}) { ... on Schedules { results { name scheduleState { status '
        "hasStartPermission } } } } }"
    )
    states = {each["name"]: each["scheduleState"]["status"] for each in found["schedulesOrError"]["results"]}
    return states["hourly_sync_schedule"] == "RUNNING"


FAIL_BETA = {
    "sqlite": (
        "CREATE TRIGGER beta_fails BEFORE INSERT ON local_alx_api_reporting WHEN NEW.companyid = 2"
        " BEGIN SELECT RAISE(ABORT, 'beta is not allowed'); END",
        "DROP TRIGGER beta_fails",
    ),
    "postgresql": (
        "CREATE FUNCTION beta_fails() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'beta is not allowed'; END $$;"
        "CREATE TRIGGER beta_fails BEFORE INSERT ON local_alx_api_reporting"
        " FOR EACH ROW WHEN (NEW.companyid = 2) EXECUTE FUNCTION beta_fails()",
        "DROP TRIGGER beta_fails ON local_alx_api_reporting",
    ),
}


def test_a_failed_company_turns_the_hour_red_and_the_next_catch_up_mends_it(embedded: Stack) -> None:
    stack = embedded
    assert stack.alx("migrate").returncode == 0
    with reporting(stack) as engine:
        broken, mended = FAIL_BETA[engine.dialect.name]
        with engine.begin() as connection:
            connection.execute(text(broken))
        failed = stack.alx("sync", "--hour", f"{newest_scheduled_hour():%Y-%m-%dT%H:00}")
        assert failed.returncode == 1
        assert "beta: beta is not allowed" in failed.stdout
        with engine.begin() as connection:
            companies = {key[0] for key in live_rows(connection)}
            connection.execute(text(mended))
    assert companies == {1, 3, 4}
    with stack.up():
        wait_for(lambda: schedule_is_known(stack), timeout_s=60, describe="the daemon's first look at the schedule")
        assert stack.partitions()["partitionStats"] == {"numMaterialized": 0, "numFailed": 1}
    back_date_schedule(stack, timedelta(hours=1, minutes=10))
    with stack.up():
        wait_for(lambda: finished(stack, 1), timeout_s=90, describe="the catch-up run")
        assert [run["status"] for run in scheduled_runs(stack)] == ["SUCCESS"]
        assert stack.partitions()["partitionStats"] == {"numMaterialized": 1, "numFailed": 0}
    with reporting(stack) as engine, engine.connect() as connection:
        assert {key[0] for key in live_rows(connection)} == {1, 2, 3, 4}


def test_a_run_killed_with_everything_else_is_made_up_for_after_the_restart(stack: Stack) -> None:
    assert stack.alx("migrate").returncode == 0
    hour = key_of(newest_complete_hour())
    with reporting(stack) as engine, writer_lock(engine, timeout_s=0):
        stack.process = stack.start("up")
        wait_for(stack.is_loaded, timeout_s=90, describe="Dagit's start")
        stack.launch_hour(hour)
        wait_for(lambda: statuses(stack) == ["STARTED"], timeout_s=90, describe="the run's start")
        stack.kill()
    with stack.up():
        wait_for(lambda: statuses(stack) == ["SUCCESS", "FAILURE"], timeout_s=90, describe="the run's second try")
        assert stack.partitions()["partitionStats"] == {"numMaterialized": 1, "numFailed": 0}
    assert row_count(stack) > 1400


def statuses(stack: Stack) -> list[str]:
    return [run["status"] for run in stack.runs() if run["jobName"] not in OTHER_JOBS]
