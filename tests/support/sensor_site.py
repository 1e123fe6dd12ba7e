"""An installation on which sensors tick: the real site, synced, with a clock that can be moved."""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from alx_core.settings import Settings
from alx_core.store.alerts import list_alerts
from alx_core.store.engine import connect
from alx_pipeline.definitions import make_definitions
from alx_pipeline.partitions import HOUR, key_of, newest_complete_hour
from alx_pipeline.resources import Alx

NEWEST = newest_complete_hour()
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Site:
    """An installation: a Moodle file, a reporting database, Dagster's instance, and a clock that can be moved."""

    settings: Settings
    moodle: Path
    instance: dg.DagsterInstance
    engine: Engine
    now: float

    @property
    def alx(self) -> Alx:
        """The pipeline's resource."""
        return Alx(lambda: self.settings, clock=lambda: self.now)

    def sync(self, hour: Any = NEWEST, job: str = "hourly_sync") -> dg.ExecuteInProcessResult:
        """Run a job, by default the sync of the newest hour."""
        definition = make_definitions(self.alx).resolve_job_def(job)
        key = key_of(hour) if job == "hourly_sync" else None
        return definition.execute_in_process(
            instance=self.instance, partition_key=key, run_config=QUIET, raise_on_error=False
        )

    def tick(self, sensor: dg.SensorDefinition, cursor: str | None = None) -> Any:
        """One evaluation."""
        resources = {"alx": self.alx}
        with dg.build_sensor_context(instance=self.instance, cursor=cursor, resources=resources) as context:
            return sensor.evaluate_tick(context)

    def alerts(self, *, state: str = "open") -> list[dict[str, Any]]:
        """The alerts in this state."""
        with connect(self.engine) as connection:
            return [each for each in list_alerts(connection, limit=100) if each["state"] == state]

    def names(self, *, state: str = "open") -> list[tuple[str, str]]:
        """Their names and subjects."""
        return sorted((each["alert"], each["subject"]) for each in self.alerts(state=state))


NOW = (NEWEST + HOUR + timedelta(minutes=5)).timestamp()


def stop_moodle(site: Site) -> None:
    """Take Moodle's file away."""
    site.moodle.rename(site.moodle.with_suffix(".away"))


def start_moodle(site: Site) -> None:
    """Bring it back."""
    shutil.move(site.moodle.with_suffix(".away"), site.moodle)
