"""The sensors, run for real on an instance, each tick as the daemon does it: what holds for all, and the delivery."""

import dagster as dg
import pytest

from alx_core.errors import StoreUnreachable
from alx_core.settings import Settings
from alx_pipeline.sensors import alert_delivery_sensor, alert_sensors, sync_failure_sensor
from support.channels import fake_slack
from support.sensor_site import Site, stop_moodle


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
