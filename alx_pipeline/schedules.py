"""The hourly schedules. Which hours they ask for is one rule, in `alx_pipeline/catch_up.py`."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from alx_core.services.metrics import first_hour
from alx_core.store.engine import connect
from alx_pipeline.assets.api_metrics import METRICS_KEY
from alx_pipeline.assets.reporting import TABLE_KEY
from alx_pipeline.catch_up import HourlyWork, requests
from alx_pipeline.jobs import hourly_metrics, hourly_sync
from alx_pipeline.resources import Alx

SYNC = HourlyWork(TABLE_KEY, hourly_sync.name)
METRICS = HourlyWork(METRICS_KEY, hourly_metrics.name)

Requests = Iterator[dg.RunRequest | dg.SkipReason]


@dg.schedule(
    name="hourly_sync_schedule",
    job=hourly_sync,
    cron_schedule="5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Five past each hour: the hour that ended, and with it any of the last 48 that is missing or failed.",
)
def hourly_sync_schedule(context: dg.ScheduleEvaluationContext) -> Requests:
    """Request one run per unbroken block of hours that are neither done nor under way."""
    yield from requests(context.instance, SYNC, tick=context.scheduled_execution_time)


@dg.schedule(
    name="hourly_metrics_schedule",
    job=hourly_metrics,
    cron_schedule="6 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description=(
        "Six past each hour: the hour that ended, and with it any of the last 48 that is missing or failed, but none "
        "before the first request."
    ),
)
def hourly_metrics_schedule(context: dg.ScheduleEvaluationContext, alx: dg.ResourceParam[Alx]) -> Requests:
    """Request one run per unbroken block of hours that are neither done nor under way, from the first request on."""
    with alx.reporting() as engine, connect(engine) as connection:
        first = first_hour(connection)
    if first is None:
        yield dg.SkipReason("The API has not had a request yet.")
        return
    since = datetime.fromtimestamp(first, UTC)
    yield from requests(context.instance, METRICS, tick=context.scheduled_execution_time, since=since)
