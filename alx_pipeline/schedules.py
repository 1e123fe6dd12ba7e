"""The hourly schedule. It is written by hand because Dagster's own never catches up on hours it missed."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import dagster as dg

from alx_pipeline.assets.reporting import TABLE_KEY
from alx_pipeline.jobs import hourly_sync
from alx_pipeline.partitions import (
    HOUR,
    RANGE_END_TAG,
    RANGE_START_TAG,
    contiguous,
    hour_of,
    key_of,
    keys_between,
    keys_of_tags,
    newest_complete_hour,
)

LOOKBACK = timedelta(hours=48)
"""How far back a missing or failed hour is still made up for."""

IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.schedule(
    name="hourly_sync_schedule",
    job=hourly_sync,
    cron_schedule="5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Five past each hour: the hour that ended, and with it any of the last 48 that is missing or failed.",
)
def hourly_sync_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Request one run per unbroken block of hours that are neither done nor under way."""
    newest = newest_complete_hour(context.scheduled_execution_time)
    missing = missing_hours(context.instance, newest)
    if not missing:
        yield dg.SkipReason(f"All hours up to {key_of(newest)} are done or under way.")
    for block in contiguous(missing):
        yield run_request(block, tick=context.scheduled_execution_time)


def run_request(keys: Sequence[str], *, tick: datetime) -> dg.RunRequest:
    """Return the request for a block of hours. The key holds the tick, or a failed hour would never be tried again."""
    run_key = f"{keys[0]}..{keys[-1]}@{tick.isoformat()}"
    if len(keys) == 1:
        return dg.RunRequest(run_key=run_key, partition_key=keys[0])
    return dg.RunRequest(run_key=run_key, tags={RANGE_START_TAG: keys[0], RANGE_END_TAG: keys[-1]})


def missing_hours(instance: dg.DagsterInstance, newest: datetime) -> list[str]:
    """Return the hours up to `newest` that a run is owed for, ascending.

    Looked at are the last 48, but none before the first that was ever tried: a new installation owes nothing for the
    time before it.
    """
    window = keys_between(newest + HOUR - LOOKBACK, newest + HOUR)
    done = instance.get_materialized_partitions(TABLE_KEY)
    under_way = set(_keys_of_runs(instance, dg.RunsFilter(statuses=IN_FLIGHT)))
    tried = set(_keys_of_runs(instance, dg.RunsFilter(created_after=hour_of(window[0])))) | done
    first = next((key for key in window if key in tried), key_of(newest))
    return [key for key in window if key >= first and key not in done and key not in under_way]


def _keys_of_runs(instance: dg.DagsterInstance, runs: dg.RunsFilter) -> Iterable[str]:
    for record in instance.get_run_records(runs):
        if TABLE_KEY in (record.dagster_run.asset_selection or ()):
            yield from keys_of_tags(dict(record.dagster_run.tags))
