"""The daily purge: of the reporting database by the core's rules, and of Dagster's own runs.

Ticks are purged by Dagster itself, by `retention` in its `dagster.yaml`.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from alx_core.services.retention import NEVER_PURGED_S
from alx_core.services.retention import purge as purge_database
from alx_pipeline.resources import Alx
from alx_pipeline.run_files import remove_orphaned_files

RUNS_PER_BLOCK = 100
BUDGET_S = 600.0
"""Deleting a run takes some 10 ms; what is left after so many seconds is left for the next day."""

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def purge_dagster_runs(
    instance: dg.DagsterInstance,
    *,
    days: int,
    now: float,
    budget_s: float = BUDGET_S,
    monotonic: Callable[[], float] = time.monotonic,
) -> int:
    """Delete runs that ended, and were made more than `days` days ago, oldest first, with their files; return how many.

    With a run go its materializations: old hours then show as missing in Dagit. So nothing within the look-back goes,
    whatever `days` says, or the schedule would do those hours again; and the run that last made an asset stays.
    """
    before = datetime.fromtimestamp(now, UTC) - max(timedelta(days=days), timedelta(seconds=NEVER_PURGED_S))
    kept = _last_makers(instance)
    give_up_at, deleted = monotonic() + budget_s, 0
    old = dg.RunsFilter(statuses=ENDED, created_before=before)
    while monotonic() < give_up_at:
        records = instance.get_run_records(old, limit=RUNS_PER_BLOCK + len(kept), ascending=True)
        doomed = [each.dagster_run.run_id for each in records if each.dagster_run.run_id not in kept]
        if not doomed:
            break
        for run_id in doomed:
            instance.delete_run(run_id)
        _delete_check_outcomes(instance, doomed)
        deleted += len(doomed)
    remove_orphaned_files(instance)
    return deleted


def _delete_check_outcomes(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> None:
    """Delete what the asset checks of runs said: Dagster leaves it when it deletes a run, 200 rows a day."""
    from dagster._core.storage.event_log import SqlEventLogStorage  # noqa: PLC0415  # 0.07 s for each command
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable  # noqa: PLC0415

    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        with storage.index_connection() as connection:
            connection.execute(
                AssetCheckExecutionsTable.delete().where(AssetCheckExecutionsTable.c.run_id.in_(run_ids))
            )


def _last_makers(instance: dg.DagsterInstance) -> set[str]:
    events = (instance.get_latest_materialization_event(key) for key in instance.all_asset_keys())
    return {event.run_id for event in events if event is not None}


@dg.op(name="purge", description="Deletes what is older than the settings `ALX_..._RETENTION_DAYS` allow.")
def purge_op(context: dg.OpExecutionContext, alx: dg.ResourceParam[Alx]) -> None:
    """Purge both, and show what went."""
    settings, now = alx.settings(), int(alx.clock())
    with alx.reporting() as engine:
        purged = purge_database(engine, settings, now=now)
    runs = purge_dagster_runs(context.instance, days=settings.run_retention_days, now=now)
    context.add_output_metadata({**purged.counts(), "dagster_runs": runs})


@dg.job(
    name="daily_purge",
    executor_def=dg.in_process_executor,
    description="Deletes old requests, metrics, syncs, alerts, tombstones and Dagster runs. May be repeated at will.",
)
def daily_purge() -> None:
    """Run the purge."""
    purge_op()


daily_purge_schedule = dg.ScheduleDefinition(
    name="daily_purge_schedule",
    job=daily_purge,
    cron_schedule="40 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 3:40 UTC, away from the hourly sync.",
)
