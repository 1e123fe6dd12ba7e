"""Which hours a run is owed for. One rule for everything that is done by the hour.

Dagster's own schedule of a partitioned job never catches up on hours it missed, so this stands here by hand.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

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


@dataclass(frozen=True, slots=True)
class HourlyWork:
    """An asset that is made by the hour, and the job that makes it."""

    asset: dg.AssetKey
    job: str


def requests(
    instance: dg.DagsterInstance, work: HourlyWork, *, tick: datetime, since: datetime | None = None
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Yield one request per unbroken block of hours that are neither done nor under way, or why there is none."""
    newest = newest_complete_hour(tick)
    missing = missing_hours(instance, newest, work, since=since)
    if not missing:
        yield dg.SkipReason(f"All hours up to {key_of(newest)} are done or under way.")
    for block in contiguous(missing):
        yield run_request(block, tick=tick)


def run_request(keys: Sequence[str], *, tick: datetime) -> dg.RunRequest:
    """Return the request for a block of hours. The key holds the tick, or a failed hour would never be tried again."""
    run_key = f"{keys[0]}..{keys[-1]}@{tick.isoformat()}"
    if len(keys) == 1:
        return dg.RunRequest(run_key=run_key, partition_key=keys[0])
    return dg.RunRequest(run_key=run_key, tags={RANGE_START_TAG: keys[0], RANGE_END_TAG: keys[-1]})


def missing_hours(
    instance: dg.DagsterInstance, newest: datetime, work: HourlyWork, *, since: datetime | None = None
) -> list[str]:
    """Return the hours up to `newest` that a run is owed for, ascending.

    Looked at are the last 48, but none before `since`: the first hour there is anything to do for. Without it that is
    the first hour that was ever tried: a new installation owes nothing for the time before it.
    """
    window = keys_between(newest + HOUR - LOOKBACK, newest + HOUR)
    done = instance.get_materialized_partitions(work.asset)
    under_way = set(_keys_of_runs(instance, work, dg.RunsFilter(statuses=IN_FLIGHT)))
    if since is None:
        recent = dg.RunsFilter(created_after=hour_of(window[0]))
        first = min({*done, *_keys_of_runs(instance, work, recent)}, default=key_of(newest))
    else:
        first = key_of(since)
    # Keys sort as the hours do.
    return [key for key in window if key >= first and key not in done and key not in under_way]


def _keys_of_runs(instance: dg.DagsterInstance, work: HourlyWork, runs: dg.RunsFilter) -> Iterator[str]:
    """The hours that runs of this work ask for: of its job, or of a backfill, which names the asset instead."""
    for record in instance.get_run_records(runs):
        run = record.dagster_run
        if run.job_name == work.job or work.asset in (run.asset_selection or ()):
            yield from keys_of_tags(dict(run.tags))
