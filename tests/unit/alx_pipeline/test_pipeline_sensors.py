"""The sensors, run for real on an instance: what they see, tell once, and see end; each tick as the daemon does it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, update

from alx_core.domain.quota import usage_day
from alx_core.domain.sync import Kind, SyncRequest
from alx_core.errors import StoreUnreachable
from alx_core.services.company_settings import change_settings
from alx_core.services.health import sync_health
from alx_core.services.metrics import record_hours
from alx_core.settings import Settings
from alx_core.store.access import charge
from alx_core.store.alerts import list_alerts
from alx_core.store.engine import connect, open_engine, transaction
from alx_core.store.tables import sync_runs
from alx_pipeline.assets.reporting import TABLE_KEY
from alx_pipeline.definitions import make_definitions
from alx_pipeline.partitions import HOUR, PARTITION_TAG, key_of, newest_complete_hour
from alx_pipeline.resources import Alx
from alx_pipeline.run_failures import newest_failed_sync
from alx_pipeline.sensors import (
    alert_delivery_sensor,
    alert_sensors,
    api_alert_sensor,
    security_alert_sensor,
    sync_failure_sensor,
    sync_freshness_sensor,
)
from support.channels import fake_slack
from support.requests import log_requests, make_refusal, make_request

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
        return Alx(lambda: self.settings, clock=lambda: self.now)

    def sync(self, hour: Any = NEWEST, job: str = "hourly_sync") -> dg.ExecuteInProcessResult:
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
        with connect(self.engine) as connection:
            return [each for each in list_alerts(connection, limit=100) if each["state"] == state]

    def names(self, *, state: str = "open") -> list[tuple[str, str]]:
        return sorted((each["alert"], each["subject"]) for each in self.alerts(state=state))


@pytest.fixture(scope="module")
def shared_instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


NOW = (NEWEST + HOUR + timedelta(minutes=5)).timestamp()


@pytest.fixture(scope="module")
def synced_file(site_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reporting database after one sync of the newest hour: each test has a copy."""
    settings = Settings(home=tmp_path_factory.mktemp("synced"), moodle_url=f"sqlite:///{site_file}")
    end = NEWEST + HOUR
    window = (int(NEWEST.timestamp()), int(end.timestamp()))
    Alx(lambda: settings, clock=lambda: NOW).sync(SyncRequest(Kind.HOURLY, as_of=int(NOW), window=window))
    return Path(str(settings.database.database))


@pytest.fixture
def site(shared_instance: dg.DagsterInstance, synced_file: Path, site_copy: Path, tmp_path: Path) -> Iterator[Site]:
    """The real site, synced up to the newest hour."""
    shared_instance.wipe()
    home = tmp_path / "home"
    settings = Settings(home=home, moodle_url=f"sqlite:///{site_copy}", dagster_url="http://dagit")
    with open_engine(settings.database) as engine:
        shutil.copy(synced_file, str(settings.database.database))
        yield Site(settings, site_copy, shared_instance, engine, NOW)


def stop_moodle(site: Site) -> None:
    site.moodle.rename(site.moodle.with_suffix(".away"))


def start_moodle(site: Site) -> None:
    shutil.move(site.moodle.with_suffix(".away"), site.moodle)


def test_all_sensors_are_on_without_a_click() -> None:
    assert {each.name for each in alert_sensors} == {
        "sync_failure_sensor",
        "sync_freshness_sensor",
        "api_alert_sensor",
        "security_alert_sensor",
        "alert_delivery_sensor",
    }
    assert {each.default_status for each in alert_sensors} == {dg.DefaultSensorStatus.RUNNING}
    assert alert_delivery_sensor.minimum_interval_seconds <= 30


@pytest.mark.parametrize("sensor", alert_sensors, ids=lambda each: each.name)
def test_on_a_site_where_all_is_well_nothing_is_seen_and_nothing_started(
    site: Site, sensor: dg.SensorDefinition
) -> None:
    data = site.tick(sensor)
    assert not data.run_requests
    assert data.skip_message
    assert site.names() == []


# --- sync_failed ---


def test_a_failed_sync_is_seen_with_its_root_cause_and_companies_and_a_link_to_its_run(site: Site) -> None:
    stop_moodle(site)
    site.now += 60
    run = site.sync()
    site.tick(sync_failure_sensor)
    (alert,) = site.alerts()
    assert (alert["alert"], alert["subject"]) == ("sync_failed", "")
    assert "moodle.sqlite" in alert["message"]
    assert "Exceeded max_retries" not in alert["message"]
    for company in ("acme", "beta", "gamma", "delta"):
        assert company in alert["message"]
    assert alert["link"] == f"http://dagit/runs/{run.run_id}"


def test_it_is_one_alert_until_a_sync_succeeds_and_then_it_is_over(site: Site) -> None:
    stop_moodle(site)
    for _ in range(2):
        site.now += 60
        site.sync()
        site.tick(sync_failure_sensor)
    assert site.names() == [("sync_failed", "")]
    start_moodle(site)
    site.now += 60
    site.tick(sync_failure_sensor)
    assert site.names() == [("sync_failed", "")]
    assert site.sync().success
    # Dagster stamps runs with the machine's clock, the books with ours; the newest failure must lie before both.
    site.now += 86_400 * 2
    site.tick(sync_failure_sensor)
    assert site.names() == []
    assert site.names(state="resolved") == [("sync_failed", "")]


def book_nothing(site: Site, **values: Any) -> str:
    """A run that died before it reached the books, as Dagster notes it; return its id."""
    run = dg.DagsterRun(
        job_name=values.pop("job_name", "hourly_sync"),
        tags={PARTITION_TAG: key_of(NEWEST)},
        status=dg.DagsterRunStatus.STARTED,
        **values,
    )
    site.instance.add_run(run)
    site.instance.report_run_failed(run, "The run's process was gone.")
    return run.run_id


@pytest.mark.parametrize(
    "values",
    [
        {"job_name": "hourly_sync"},
        {"job_name": "rebuild"},
        {"job_name": "__ASSET_JOB", "asset_selection": frozenset({TABLE_KEY})},
    ],
    ids=str,
)
def test_a_run_that_died_before_it_reached_the_books_is_seen_too(site: Site, values: dict[str, Any]) -> None:
    with transaction(site.engine) as connection:  # the success lies before the failure on every clock
        connection.execute(update(sync_runs).values(finished_at=sync_runs.c.finished_at - 86_400))
    run_id = book_nothing(site, **values)
    site.tick(sync_failure_sensor)
    (alert,) = site.alerts()
    assert "The run's process was gone." in alert["message"]
    assert alert["link"].endswith(run_id)


def test_the_failure_of_another_job_is_no_failed_sync(site: Site) -> None:
    book_nothing(site, job_name="hourly_metrics")
    assert newest_failed_sync(site.instance, now=site.now) is None


def test_a_failure_of_the_command_line_is_seen_from_the_books_alone(site: Site) -> None:
    stop_moodle(site)
    site.now += 60
    site.sync()
    site.instance.wipe()
    site.tick(sync_failure_sensor)
    assert site.names() == [("sync_failed", "")]


# --- sync_stale ---


def last_success_at(site: Site) -> int:
    with connect(site.engine) as connection:
        found = sync_health(connection, now=int(site.now), stale_after_s=1).last_success_at
    assert found is not None
    return found


def test_the_newest_hour_is_stale_after_two_hours_and_fresh_after_a_sync(site: Site) -> None:
    site.now = last_success_at(site) + 7200
    site.tick(sync_freshness_sensor)
    assert site.names() == []
    site.now += 1
    for _ in range(3):
        site.tick(sync_freshness_sensor)
    assert site.names() == [("sync_stale", "")]
    with transaction(site.engine) as connection:
        moved = {"finished_at": int(site.now), "window_end": int(site.now), "started_at": int(site.now)}
        connection.execute(update(sync_runs).values(**moved))
    site.tick(sync_freshness_sensor)
    assert site.names() == []


def test_a_backfill_of_an_old_hour_does_not_hide_that_the_newest_is_missing(site: Site) -> None:
    site.now += 3 * 3600
    assert site.sync(NEWEST - 5 * HOUR).success
    site.tick(sync_freshness_sensor)
    assert site.names() == [("sync_stale", "")]


def test_too_many_bad_records_are_seen_after_the_run(site: Site) -> None:
    with transaction(site.engine) as connection:
        connection.execute(update(sync_runs).values(errors=sync_runs.c.processed))
    site.tick(sync_freshness_sensor)
    assert site.names() == [("sync_error_rate", "")]


# --- the API ---


def hour_start(site: Site) -> int:
    return int(site.now) // 3600 * 3600 - 3600


def record(site: Site) -> None:
    record_hours(site.engine, start=hour_start(site), end=hour_start(site) + 3600, now=int(site.now))


def test_a_slow_hour_is_seen_when_it_was_counted_and_over_with_the_next_good_one(site: Site) -> None:
    at = hour_start(site) + 60
    log_requests(site.engine, [make_request(at=at, response_time_ms=6000, cache_hit=1) for _ in range(20)])
    site.tick(api_alert_sensor)
    assert site.names() == []
    record(site)
    site.tick(api_alert_sensor)
    assert site.names() == [("api_slow", "acme")]
    site.now += 3600
    site.tick(api_alert_sensor)
    assert site.names() == [("api_slow", "acme")]
    log_requests(site.engine, [make_request(at=at + 3600, response_time_ms=10, cache_hit=1) for _ in range(20)])
    record(site)
    site.tick(api_alert_sensor)
    assert site.names() == []


def test_refused_keys_are_not_a_failing_api(site: Site) -> None:
    log_requests(site.engine, [make_refusal(at=hour_start(site) + 60) for _ in range(50)])
    record(site)
    site.tick(api_alert_sensor)
    assert site.names() == []


def test_a_company_whose_cache_is_off_is_not_judged_by_it(site: Site) -> None:
    log_requests(site.engine, [make_request(at=hour_start(site) + 60, cache_hit=0) for _ in range(20)])
    record(site)
    with transaction(site.engine) as connection:
        change_settings(connection, 1, {"cache_enabled": "0"}, now=int(site.now))
    site.tick(api_alert_sensor)
    assert site.names() == []
    with transaction(site.engine) as connection:
        change_settings(connection, 1, {"cache_enabled": "1"}, now=int(site.now))
    site.tick(api_alert_sensor)
    assert site.names() == [("api_cache_hit_rate", "acme")]


# --- who calls ---


def use_quota(site: Site, companyid: int, calls: int) -> None:
    with transaction(site.engine) as connection:
        for _ in range(calls):
            charge(connection, companyid, usage_day(site.now, site.settings.zone), limit=0)


def test_a_quota_is_seen_from_80_percent_on_and_over_the_next_day(site: Site) -> None:
    with transaction(site.engine) as connection:
        change_settings(connection, 1, {"rate_limit": "10"}, now=int(site.now))
    use_quota(site, 1, 7)
    site.tick(security_alert_sensor)
    assert site.names() == []
    use_quota(site, 1, 1)
    site.tick(security_alert_sensor)
    assert [(each["alert"], each["severity"]) for each in site.alerts()] == [("rate_limit_exceeded", "warning")]
    use_quota(site, 1, 2)
    site.tick(security_alert_sensor)
    assert [(each["subject"], each["severity"]) for each in site.alerts()] == [("acme", "critical")]
    site.now += 86_400
    site.tick(security_alert_sensor)
    assert site.names() == []


def test_refused_keys_are_seen_by_address_and_by_key_within_an_hour(site: Site) -> None:
    since = site.now - 3600
    log_requests(site.engine, [make_refusal(at=since - 1, key_prefix="old")] * 1)
    log_requests(
        site.engine,
        [make_refusal(at=since + each, key_prefix=f"k{each}", ip_address="192.0.2.66") for each in range(10)],
    )
    log_requests(
        site.engine,
        [make_refusal(at=since + each, key_prefix="dead", ip_address=f"192.0.2.{each}") for each in range(10)],
    )
    log_requests(
        site.engine,
        [make_request(at=since + each, outcome="accessexception", ip_address="192.0.2.77") for each in range(10)],
    )
    site.tick(security_alert_sensor, cursor=str(int(site.now)))
    assert site.names() == [("failed_auth", "address 192.0.2.66"), ("failed_auth", "key dead")]
    site.now += 30
    site.tick(security_alert_sensor, cursor=str(int(site.now)))
    assert site.names() == []


def test_unusual_activity_is_looked_for_every_five_minutes(site: Site) -> None:
    at = hour_start(site)
    log_requests(
        site.engine,
        [make_request(at=at - 7200, ip_address="192.0.2.1"), make_request(at=at + 60, ip_address="198.51.100.9")],
    )
    cursor = str(int(site.now) - 299)
    assert site.tick(security_alert_sensor, cursor=cursor).cursor in (None, cursor)
    assert site.names() == []
    data = site.tick(security_alert_sensor, cursor=str(int(site.now) - 300))
    assert data.cursor == str(int(site.now))
    assert ("unusual_activity", "token 1 from 198.51.100.9") in site.names()


# --- delivery, and what stands in the way ---


def test_what_was_seen_is_delivered_by_the_next_tick_and_only_once(site: Site) -> None:
    with fake_slack() as slack:
        site.settings = Settings(**{**site.settings.model_dump(), "slack_webhook_url": slack.url})
        stop_moodle(site)
        site.now += 60
        site.sync()
        site.tick(sync_failure_sensor)
        assert site.tick(alert_delivery_sensor).skip_message == "1 delivered, 0 to be tried again, 0 refused"
        assert site.tick(alert_delivery_sensor).skip_message == "0 delivered, 0 to be tried again, 0 refused"
        assert slack.headlines == ["The sync failed"]


def test_without_a_channel_the_delivery_sensor_says_what_to_set(site: Site) -> None:
    assert "ALX_SLACK_WEBHOOK_URL" in site.tick(alert_delivery_sensor).skip_message


def test_a_tick_fails_visibly_while_the_reporting_database_is_gone_and_is_made_up_for(site: Site) -> None:
    """What Dagster's own run failure sensor would have lost: it moves on when its function raises."""
    stop_moodle(site)
    site.now += 60
    site.sync()
    good = site.settings
    site.settings = Settings(**{**good.model_dump(), "database_url": "postgresql://nobody@127.0.0.1:1/gone"})
    with pytest.raises(StoreUnreachable):
        site.tick(sync_failure_sensor)
    site.settings = good
    site.tick(sync_failure_sensor)
    assert site.names() == [("sync_failed", "")]
