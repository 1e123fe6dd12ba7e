"""The code location: everything that Dagster loads. The composition root of the pipeline's processes."""

from datetime import timedelta

from alx_core import imports

with imports.that_stay():
    import dagster as dg

    from alx_core.logs import configure_logs
    from alx_core.settings import Settings
    from alx_pipeline.assets.api_metrics import api_metrics, api_request_log
    from alx_pipeline.assets.moodle import moodle_assets
    from alx_pipeline.assets.reporting import reporting_table, reporting_table_rebuild
    from alx_pipeline.jobs import hourly_metrics, hourly_sync, observe_moodle, observe_request_log, rebuild
    from alx_pipeline.purge import daily_purge, daily_purge_schedule
    from alx_pipeline.resources import Alx
    from alx_pipeline.schedules import hourly_metrics_schedule, hourly_sync_schedule
    from alx_pipeline.sensors import alert_sensors
    from alx_pipeline.token_sensor import moodle_token_sensor

WARN_SHARE = 0.75
"""Of the time after which an hourly asset is stale: with 2 hours, Dagit warns when one hour and a half has passed."""


def make_definitions(alx: Alx) -> dg.Definitions:
    """Build the code location around one `alx` resource."""
    hourly = with_freshness([reporting_table, api_metrics], alx.settings())
    return dg.Definitions(
        assets=[*moodle_assets, api_request_log, *hourly, reporting_table_rebuild],
        jobs=[hourly_sync, rebuild, observe_moodle, hourly_metrics, observe_request_log, daily_purge],
        schedules=[hourly_sync_schedule, hourly_metrics_schedule, daily_purge_schedule],
        sensors=[*alert_sensors, moodle_token_sensor],
        resources={"alx": alx},
        executor=dg.in_process_executor,
    )


def with_freshness(assets: list[dg.AssetsDefinition], settings: Settings) -> list[dg.AssetsDefinition]:
    """Give hourly assets the freshness that Dagit shows: of their newest run. Alerts ask for the newest hour."""
    # Dagster wants a minute at least, and the warning before the failure.
    fail = max(timedelta(hours=settings.sync_stale_hours), timedelta(minutes=2))
    policy = dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=max(fail * WARN_SHARE, timedelta(minutes=1)))
    return [each.map_asset_specs(lambda spec: spec.replace_attributes(freshness_policy=policy)) for each in assets]


configure_logs("json")
defs = make_definitions(Alx())
