"""`reporting_table` materialized for real: what Dagit shows beside the sync's own figures."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from pydantic import ValidationError

from alx_core.settings import Settings
from alx_pipeline.assets.reporting import RebuildConfig, SyncConfig, reporting_table
from alx_pipeline.instance import is_schedule_on
from alx_pipeline.partitions import HOUR, PARTITION_TAG, key_of, newest_complete_hour
from alx_pipeline.resources import Alx

pytestmark = pytest.mark.slow

ORIGIN = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("alx_pipeline"), "__repository__")


def set_schedule(instance: dg.DagsterInstance, name: str, status: InstigatorStatus) -> None:
    """As the switch in Dagit does."""
    origin, data = RemoteInstigatorOrigin(ORIGIN, name), ScheduleInstigatorData("5 * * * *")
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SCHEDULE, status, data))


@pytest.mark.parametrize("config", [SyncConfig, RebuildConfig])
@pytest.mark.parametrize("as_of", [-1, 1_795_474_552_000])
def test_a_run_is_not_told_a_moment_that_no_calendar_has(config: type[dg.Config], as_of: int) -> None:
    with pytest.raises(ValidationError, match="as_of"):
        config(as_of=as_of)


@pytest.mark.parametrize(
    ("status", "is_on"),
    [(InstigatorStatus.STOPPED, False), (InstigatorStatus.RUNNING, True), (InstigatorStatus.DECLARED_IN_CODE, True)],
)
def test_the_schedule_is_off_only_where_somebody_switched_it_off(status: InstigatorStatus, is_on: bool) -> None:
    with dg.instance_for_test() as instance:
        assert is_schedule_on(instance)
        set_schedule(instance, "another_schedule", InstigatorStatus.STOPPED)
        assert is_schedule_on(instance)
        set_schedule(instance, "hourly_sync_schedule", status)
        assert is_schedule_on(instance) is is_on


def test_a_sync_shows_the_week_s_success_rate_and_whether_its_schedule_is_on(site_copy: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", moodle_url=f"sqlite:///{site_copy}")
    with dg.instance_for_test() as instance:
        set_schedule(instance, "hourly_sync_schedule", InstigatorStatus.STOPPED)
        assert materialize(instance, settings)["schedule"] == "off"
        shown = materialize(instance, settings)
    assert shown["success_rate_7d_pct"] == 100.0


def test_an_hour_that_is_not_over_is_refused_also_where_a_tag_names_it(site_copy: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", moodle_url=f"sqlite:///{site_copy}")
    tags = {PARTITION_TAG: key_of(newest_complete_hour() + 2 * HOUR)}
    with dg.instance_for_test() as instance, pytest.raises(dg.Failure, match="is not over yet"):
        dg.materialize([reporting_table], resources={"alx": Alx(lambda: settings)}, instance=instance, tags=tags)
    assert not (settings.home / "alx.sqlite").exists()


def materialize(instance: dg.DagsterInstance, settings: Settings) -> dict[str, Any]:
    result = dg.materialize(
        [reporting_table],
        resources={"alx": Alx(lambda: settings)},
        instance=instance,
        partition_key=key_of(newest_complete_hour()),
    )
    (event,) = result.asset_materializations_for_node("reporting_table")
    return {name: value.value for name, value in event.metadata.items() if name != "companies"}
