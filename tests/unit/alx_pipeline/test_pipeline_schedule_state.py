"""A schedule that was switched off is seen in Dagster's tables, on either database, without Dagster."""

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
)

from alx_core.settings import Settings
from alx_pipeline.dagster_home import prepare_home
from alx_pipeline.instance import is_schedule_on, open_instance
from alx_pipeline.schedule_state import is_switched_off
from support.command import Command
from support.databases import plain
from support.reporting_databases import KINDS_OF_DATABASE, reporting_database

ORIGIN = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("alx_pipeline"), "__repository__")
STATES = {
    "hourly_metrics_schedule": (InstigatorStatus.STOPPED, False),
    "hourly_sync_schedule": (InstigatorStatus.STOPPED, True),
}


@pytest.mark.parametrize("kind", KINDS_OF_DATABASE)
def test_a_schedule_is_switched_off_when_dagster_says_so(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reporting_database(kind, tmp_path) as url:
        settings = Settings(home=tmp_path / "home", database_url=plain(url))
        assert not is_switched_off(settings), "Dagster never ran"
        for name, value in prepare_home(settings).items():
            monkeypatch.setenv(name, value)
        with open_instance(settings.dagster_home) as instance:
            assert not is_switched_off(settings), "it is on by itself"
            for name, (status, is_off) in STATES.items():
                data = ScheduleInstigatorData("5 * * * *")
                origin = RemoteInstigatorOrigin(ORIGIN, name)
                instance.add_instigator_state(InstigatorState(origin, InstigatorType.SCHEDULE, status, data))
                assert is_switched_off(settings) is is_off is not is_schedule_on(instance)
        told = Command(settings.home, ALX_DATABASE_URL=plain(url)).run("doctor", ALX_DATABASE_URL=plain(url))
        assert "hourly_sync_schedule is off" in told.stdout


def test_it_is_seen_without_dagster() -> None:
    program = "import sys, alx_pipeline.schedule_state; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
