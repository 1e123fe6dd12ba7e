"""`api_metrics` materialized for real: rows, what Dagit shows of each hour, checks, and when its schedule asks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData
from sqlalchemy import Engine, select
from sqlalchemy.engine import URL

from alx_core.domain.freshness import HOUR_S
from alx_core.settings import Settings
from alx_core.store.engine import connect
from alx_core.store.tables import api_metrics_hourly
from alx_pipeline.assets.api_metrics import LOG_KEY, METRICS_KEY, POOL, api_metrics, api_request_log
from alx_pipeline.assets.reporting import POOL as SYNC_POOL
from alx_pipeline.assets.reporting import TABLE_KEY
from alx_pipeline.definitions import make_definitions
from alx_pipeline.partitions import HOUR as AN_HOUR
from alx_pipeline.partitions import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG, key_of, keys_between
from alx_pipeline.resources import Alx
from alx_pipeline.schedules import hourly_metrics_schedule
from support.databases import plain
from support.highest import highest_settings
from support.requests import HOUR, add_companies, log_requests, make_refusal, make_request

pytestmark = pytest.mark.slow

NOW = HOUR + HOUR_S + 360
START = datetime.fromtimestamp(HOUR, UTC)
TICK = START + AN_HOUR + timedelta(minutes=6)


@pytest.fixture
def alx(reporting_url: URL, reporting_engine: Engine, tmp_path: Path) -> Alx:
    """The pipeline's resource over a migrated database, at six past the hour after HOUR."""
    add_companies(reporting_engine, ["alpha", "beta"])
    settings = Settings(home=tmp_path, database_url=plain(reporting_url))
    return Alx(lambda: settings, clock=lambda: NOW)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def materialize(alx: Alx, instance: dg.DagsterInstance, *keys: str) -> dg.ExecuteInProcessResult:
    tags = {RANGE_START_TAG: keys[0], RANGE_END_TAG: keys[-1]} if len(keys) > 1 else None
    return dg.materialize(
        [api_request_log, api_metrics],
        selection=[METRICS_KEY],
        resources={"alx": alx},
        instance=instance,
        partition_key=keys[0] if len(keys) == 1 else None,
        tags=tags,
    )


def shown(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """What Dagit shows of each hour, by partition key; the table of companies as rows."""
    return {
        str(each.partition): {
            name: [dict(record.data) for record in value.records]
            if isinstance(value, dg.TableMetadataValue)
            else value.value
            for name, value in each.metadata.items()
        }
        for each in result.asset_materializations_for_node("api_metrics")
    }


def test_an_hour_shows_its_figures_and_a_row_per_company(
    alx: Alx, instance: dg.DagsterInstance, reporting_engine: Engine
) -> None:
    answered = [make_request(cache_hit=1, response_time_ms=20.0, bytes=500) for _ in range(6)]
    refused = [make_request(companyid=2, outcome="ratelimitexceeded", rows=0), make_refusal()]
    log_requests(reporting_engine, [*answered, *refused])
    result = materialize(alx, instance, key_of(START))
    figures = shown(result)[key_of(START)]
    expected = {"calls": 8, "errors": 2, "failed_auth": 1, "quota_refusals": 1, "rows": 600, "bytes": 43_000}
    assert figures == figures | {**expected, "cache_hit_rate_pct": 100.0, "success_rate_pct": 75.0, "max_ms": 20.0}
    assert figures["p95_ms"] == pytest.approx(20.0, rel=0.03)
    companies = {row["company"]: row for row in figures["companies"]}
    assert list(companies) == ["alpha", "beta", "(no company)"]
    assert companies["alpha"].items() >= {"calls": 6, "success_rate_pct": 100.0, "errors": "", "addresses": 1}.items()
    assert companies["beta"]["errors"] == "ratelimitexceeded: 1"
    assert (figures["run_rows_moved"], figures["run_late_hours"]) == (3, 0)


def test_a_block_of_hours_is_one_run_in_which_each_hour_shows_its_own(
    alx: Alx, instance: dg.DagsterInstance, reporting_engine: Engine
) -> None:
    log_requests(reporting_engine, [make_request(at=HOUR - HOUR_S * (index % 3)) for index in range(7)])
    keys = keys_between(START - 3 * AN_HOUR, START + AN_HOUR)
    result = materialize(alx, instance, *keys)
    assert {key: figures["calls"] for key, figures in shown(result).items()} == dict(
        zip(keys, [0, 2, 2, 3], strict=True)
    )
    assert instance.get_materialized_partitions(METRICS_KEY) == set(keys)


def test_an_hour_without_calls_shows_no_times_and_no_rates(alx: Alx, instance: dg.DagsterInstance) -> None:
    figures = shown(materialize(alx, instance, key_of(START)))[key_of(START)]
    assert (figures["calls"], figures["companies"]) == (0, [])
    assert not {"p95_ms", "mean_ms", "success_rate_pct", "cache_hit_rate_pct"} & figures.keys()


def test_requests_that_came_late_mend_hours_that_were_recorded_before(
    alx: Alx, instance: dg.DagsterInstance, reporting_engine: Engine
) -> None:
    log_requests(reporting_engine, [make_request(at=HOUR - HOUR_S)])
    materialize(alx, instance, key_of(START - AN_HOUR))
    log_requests(reporting_engine, [make_request(at=HOUR - HOUR_S + 9), make_request()])
    figures = shown(materialize(alx, instance, key_of(START)))[key_of(START)]
    assert (figures["calls"], figures["run_late_hours"]) == (1, 1)
    with connect(reporting_engine) as connection:
        calls = select(api_metrics_hourly.c.calls).order_by(api_metrics_hourly.c.hour)
        assert connection.scalars(calls).all() == [2, 1]


def test_dagit_shows_the_requests_that_came_late(
    alx: Alx, instance: dg.DagsterInstance, reporting_engine: Engine
) -> None:
    late = key_of(START - AN_HOUR)
    log_requests(reporting_engine, [make_request(at=HOUR - HOUR_S)])
    materialize(alx, instance, late)
    log_requests(reporting_engine, [make_request(at=HOUR - HOUR_S + 9)])
    materialize(alx, instance, key_of(START))
    newest = instance.fetch_materializations(dg.AssetRecordsFilter(METRICS_KEY, asset_partitions=[late]), limit=1)
    shown_now = newest.records[0].asset_materialization
    assert shown_now is not None
    assert shown_now.metadata["calls"].value == 2


def outcomes(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    return {each.check_name: (each.passed, each.severity.value) for each in result.get_asset_check_evaluations()}


def test_checks_warn_and_fail_by_the_settings_and_the_run_stays_green(
    alx: Alx, instance: dg.DagsterInstance, reporting_engine: Engine
) -> None:
    bad = [make_request(outcome="servererror", response_time_ms=6_000.0) for _ in range(20)]
    log_requests(reporting_engine, [*bad, *(make_refusal() for _ in range(10))])
    result = materialize(alx, instance, key_of(START))
    assert result.success
    assert outcomes(result) == {
        "api_slow": (False, "WARN"),
        "api_success_rate": (False, "ERROR"),
        "api_cache_hit_rate": (True, "WARN"),
        "failed_auth": (False, "WARN"),
    }
    lenient = Settings(**{**alx.settings().model_dump(), "alert_min_calls": 21, "alert_failed_auth": 11})
    again = materialize(Alx(lambda: lenient, clock=lambda: NOW), instance, key_of(START))
    assert {passed for passed, _ in outcomes(again).values()} == {True}


def test_wrong_keys_of_ten_addresses_in_the_hour_and_of_others_around_it_are_no_failed_check(
    alx: Alx, instance: dg.DagsterInstance, reporting_engine: Engine
) -> None:
    """As the alert judges: `ALX_ALERT_FAILED_AUTH` is meant for one address, or one beginning of a key."""
    log_requests(reporting_engine, (make_refusal(ip_address=f"192.0.2.{n}", key_prefix=f"k{n}") for n in range(10)))
    log_requests(reporting_engine, (make_refusal(at=HOUR + at) for at in (-1, HOUR_S) for _ in range(9)))
    assert outcomes(materialize(alx, instance, key_of(START)))["failed_auth"] == (True, "WARN")


def test_a_backfill_of_an_old_hour_does_not_hide_how_the_newest_one_is(
    alx: Alx, instance: dg.DagsterInstance, reporting_engine: Engine
) -> None:
    log_requests(reporting_engine, [make_request(outcome="servererror") for _ in range(20)])
    log_requests(reporting_engine, [make_request(at=HOUR - 5 * HOUR_S) for _ in range(20)])
    materialize(alx, instance, key_of(START))
    old = materialize(alx, instance, key_of(START - 5 * AN_HOUR))
    assert outcomes(old)["api_success_rate"] == (False, "ERROR")


def test_a_database_that_is_gone_fails_the_run_and_says_so(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(dg.Failure, match="did not answer"):
        materialize(Alx(lambda: settings, clock=lambda: NOW), instance, key_of(START))


def test_the_log_shows_how_far_it_reaches(alx: Alx, reporting_engine: Engine) -> None:
    definitions = make_definitions(alx)
    job = definitions.resolve_job_def("observe_request_log")
    assert observed(job)["dagster/row_count"] == 0
    log_requests(reporting_engine, [make_request(at=HOUR + 60 * index) for index in range(4)])
    found = observed(job)
    assert (found["dagster/row_count"], found["oldest_request"], found["newest_request"]) == (4, HOUR, HOUR + 180)


def observed(job: dg.JobDefinition) -> dict[str, Any]:
    result = job.execute_in_process()
    (event,) = result.asset_observations_for_node("api_request_log")
    assert event.asset_key == LOG_KEY
    return {name: value.value for name, value in event.metadata.items()}


# --- schedule and definitions ---


def tick(alx: Alx, instance: dg.DagsterInstance) -> ScheduleExecutionData:
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=TICK,
        repository_def=make_definitions(alx).get_repository_def(),
        resources={"alx": alx},
    )
    return hourly_metrics_schedule.evaluate_tick(context)


def test_it_runs_by_itself_six_past_each_hour_in_utc() -> None:
    schedule = hourly_metrics_schedule
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("6 * * * *", "UTC")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "hourly_metrics"


def test_nothing_is_owed_before_the_first_request(
    alx: Alx, instance: dg.DagsterInstance, reporting_engine: Engine
) -> None:
    skipped = tick(alx, instance)
    assert not skipped.run_requests
    assert "has not had a request" in str(skipped.skip_message)
    log_requests(reporting_engine, [make_request(at=HOUR + HOUR_S + 1)])
    assert not tick(alx, instance).run_requests  # its hour is not over


def test_all_hours_since_the_first_request_are_one_run_and_none_before_it(
    alx: Alx, instance: dg.DagsterInstance, reporting_engine: Engine
) -> None:
    log_requests(reporting_engine, [make_request(at=HOUR - 3 * HOUR_S + 1800), make_request()])
    (request,) = tick(alx, instance).run_requests
    assert (request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]) == (key_of(START - 3 * AN_HOUR), key_of(START))


def test_an_hour_that_failed_is_asked_for_again_and_the_done_ones_are_not(
    alx: Alx, instance: dg.DagsterInstance, reporting_engine: Engine
) -> None:
    log_requests(reporting_engine, [make_request(at=HOUR - 3 * HOUR_S)])
    materialize(alx, instance, *keys_between(START - 3 * AN_HOUR, START))
    instance.report_runless_asset_event(dg.AssetMaterialization(TABLE_KEY, partition=key_of(START)))
    (request,) = tick(alx, instance).run_requests
    assert request.tags[PARTITION_TAG] == key_of(START)
    materialize(alx, instance, key_of(START))
    assert not tick(alx, instance).run_requests


def test_it_does_not_wait_for_a_sync() -> None:
    assert api_metrics.op.pool == POOL != SYNC_POOL


def test_hourly_assets_show_their_freshness_by_the_settings(alx: Alx) -> None:
    settings = Settings(**{**alx.settings().model_dump(), "sync_stale_hours": 4})
    specs = {spec.key: spec for spec in make_definitions(Alx(lambda: settings)).resolve_all_asset_specs()}
    expected = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=4), warn_window=timedelta(hours=3))
    assert {key for key, spec in specs.items() if spec.freshness_policy == expected} == {TABLE_KEY, METRICS_KEY}


@pytest.mark.parametrize("hours", [0.001, 0.02, 1000, highest_settings()["sync_stale_hours"]])
def test_any_time_that_the_settings_allow_makes_definitions_that_load(alx: Alx, hours: float) -> None:
    settings = Settings(**{**alx.settings().model_dump(), "sync_stale_hours": hours})
    dg.Definitions.validate_loadable(make_definitions(Alx(lambda: settings)))
