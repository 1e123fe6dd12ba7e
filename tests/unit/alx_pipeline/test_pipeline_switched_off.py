"""Schedules and sensors that were switched off are seen in Dagster's tables, on either database, without Dagster."""

import subprocess
import sys
from pathlib import Path

import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    SensorInstigatorData,
)

from alx_core.settings import Settings
from alx_pipeline.dagster_home import prepare_home
from alx_pipeline.definitions import make_definitions
from alx_pipeline.instance import is_schedule_on, open_instance
from alx_pipeline.resources import Alx
from alx_pipeline.switched_off import ALL, switched_off
from support.command import Command
from support.databases import plain
from support.reporting_databases import KINDS_OF_DATABASE, reporting_database

ORIGIN = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("alx_pipeline"), "__repository__")
KINDS = {"SCHEDULE": ScheduleInstigatorData("5 * * * *"), "SENSOR": SensorInstigatorData()}
STATES = {
    "hourly_metrics_schedule": ("SCHEDULE", InstigatorStatus.DECLARED_IN_CODE, []),
    "hourly_sync_schedule": ("SCHEDULE", InstigatorStatus.STOPPED, ["hourly_sync_schedule"]),
    "api_alert_sensor": ("SENSOR", InstigatorStatus.RUNNING, ["hourly_sync_schedule"]),
    "sync_failure_sensor": ("SENSOR", InstigatorStatus.STOPPED, ["hourly_sync_schedule", "sync_failure_sensor"]),
}


@pytest.mark.parametrize("kind", KINDS_OF_DATABASE)
def test_what_dagster_says_is_stopped_is_off(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with reporting_database(kind, tmp_path) as url:
        settings = Settings(home=tmp_path / "home", database_url=plain(url))
        assert switched_off(settings) == [], "Dagster never ran"
        for name, value in prepare_home(settings).items():
            monkeypatch.setenv(name, value)
        with open_instance(settings.dagster_home) as instance:
            assert switched_off(settings) == [], "all are on by themselves"
            for name, (of_kind, status, off) in STATES.items():
                origin = RemoteInstigatorOrigin(ORIGIN, name)
                state = InstigatorState(origin, InstigatorType(of_kind), status, KINDS[of_kind])
                instance.add_instigator_state(state)
                assert switched_off(settings) == off
                assert is_schedule_on(instance) is ("hourly_sync_schedule" not in off)
        told = Command(settings.home, ALX_DATABASE_URL=plain(url)).run("doctor", ALX_DATABASE_URL=plain(url))
        assert "off: hourly_sync_schedule, sync_failure_sensor" in told.stdout


def test_all_schedules_and_sensors_of_the_code_location_are_looked_for(tmp_path: Path) -> None:
    made = make_definitions(Alx(lambda: Settings(home=tmp_path)))
    assert {each.name for each in (*(made.schedules or ()), *(made.sensors or ()))} == set(ALL)


def test_it_is_seen_without_dagster() -> None:
    program = "import sys, alx_pipeline.switched_off; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
