"""What the sensors see of the sync, tell once, and see end."""

import time
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import update

from alx_core.services.health import sync_health
from alx_core.store.engine import connect, transaction
from alx_core.store.tables import sync_runs
from alx_pipeline.assets.reporting import TABLE_KEY
from alx_pipeline.partitions import HOUR, PARTITION_TAG, key_of
from alx_pipeline.run_failures import newest_failed_sync
from alx_pipeline.sensors import sync_failure_sensor, sync_freshness_sensor
from support.sensor_site import NEWEST, Site, start_moodle, stop_moodle

pytestmark = pytest.mark.slow

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


def test_a_success_noted_by_a_clock_that_ran_ahead_hides_no_failure(site: Site) -> None:
    with transaction(site.engine) as connection:
        connection.execute(update(sync_runs).values(finished_at=sync_runs.c.finished_at + 3 * 86_400))
    stop_moodle(site)
    site.now += 60
    site.sync()
    site.instance.wipe()  # Dagster's clock is the machine's
    site.tick(sync_failure_sensor)
    assert site.names() == [("sync_failed", "")]


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
    site.now = time.time()  # Dagster's clock is the machine's
    site.tick(sync_failure_sensor)
    (alert,) = site.alerts()
    assert "The run's process was gone." in alert["message"]
    assert alert["link"].endswith(run_id)


def test_a_run_that_died_after_its_sync_had_succeeded_is_seen_too(site: Site) -> None:
    run = site.sync()
    with transaction(site.engine) as connection:  # the success lies before the failure on every clock
        connection.execute(update(sync_runs).values(finished_at=sync_runs.c.finished_at - 86_400))
    site.instance.report_run_failed(site.instance.get_run_by_id(run.run_id), "The run's process was gone.")
    site.now = time.time()
    site.tick(sync_failure_sensor)
    (alert,) = site.alerts()
    assert alert["link"].endswith(run.run_id)


@pytest.mark.parametrize(
    ("config", "told"), [({"companies": ["acme"]}, "1 of 6 companies: acme."), ({}, "every company")]
)
def test_a_rebuild_that_failed_did_so_for_the_companies_that_it_was_asked_for(
    site: Site, config: dict[str, Any], told: str
) -> None:
    with transaction(site.engine) as connection:  # the success lies before the failure on every clock
        connection.execute(update(sync_runs).values(finished_at=sync_runs.c.finished_at - 86_400))
    book_nothing(site, job_name="rebuild", run_config={"ops": {"reporting_table_rebuild": {"config": config}}})
    site.now = time.time()
    site.tick(sync_failure_sensor)
    (alert,) = site.alerts()
    assert f"It failed for {told}" in alert["message"]


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
