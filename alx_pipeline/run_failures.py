"""What Dagster knows of sync runs that failed: when, and the root cause in one line."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import dagster as dg
from dagster import DagsterEventType, DagsterExecutionInterruptedError, RunRecord
from dagster_shared.error import SerializableErrorInfo

from alx_core.domain.sync_alerts import SyncFailure
from alx_pipeline.assets.reporting import REBUILD_KEY, TABLE_KEY
from alx_pipeline.jobs import hourly_sync, rebuild

LOOKBACK = timedelta(hours=24)
RUNS_LOOKED_AT = 50
CRASH = "Run execution process for "
SAYS = "[DagsterApiServer] "
"""How Dagster's code server says that the process of a run is gone, and with what signal or exit code."""
STOPPED = "The run was stopped before its end, by Ctrl-C or with the process that ran it."
SYNC_JOBS = frozenset({hourly_sync.name, rebuild.name})
SYNC_ASSETS = frozenset({TABLE_KEY, REBUILD_KEY})


def newest_failed_sync(instance: dg.DagsterInstance, *, now: float) -> SyncFailure | None:
    """Return the sync run that failed last, within a day; None when there is none.

    Dagster's own run failure sensor is not used: it moves on when its function raises, for example because the
    reporting database is locked, and it starts with the failures after its first tick. Asking for the newest failure
    each time can miss neither.
    """
    since = datetime.fromtimestamp(now, UTC) - LOOKBACK
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    records = [each for each in instance.get_run_records(failed, limit=RUNS_LOOKED_AT) if _is_sync(each.dagster_run)]
    if not records:
        return None
    newest = max(records, key=_ended_at)
    run = newest.dagster_run
    cause, asked_for = root_cause(instance, run.run_id), _companies_asked_for(run)
    return SyncFailure(at=int(_ended_at(newest)), cause=cause, companies=asked_for, run_id=run.run_id)


def root_cause(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return why a run failed: the innermost error of each step that did, else what Dagster says of the run.

    Of a process that was killed it says so in an event before the one of the failure, which knows nothing.
    """
    of_type = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE, DagsterEventType.ENGINE_EVENT}
    records = instance.get_records_for_run(run_id, of_type=of_type).records
    events = [each.event_log_entry.dagster_event for each in records if each.event_log_entry.dagster_event]
    causes = [cause_of_step(each) for each in events if each.is_step_failure]
    said = [(each, each.message) for each in events if each.message]
    crashes = [text.removeprefix(SAYS) for each, text in said if each.is_engine_event and CRASH in text]
    ends = crashes or [text for each, text in said if each.is_run_failure]
    end = ends[-1] if ends else "The run failed; see its log in Dagit."
    return "; ".join(dict.fromkeys(causes)) or end


def cause_of_step(event: dg.DagsterEvent) -> str:
    """Return why a step failed, from the event that says that it did."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    return _innermost(data.error) if data.error else "A step failed; see the run's log in Dagit."


def _innermost(error: SerializableErrorInfo) -> str:
    """The message on top only says that an op failed, or that retries are used up."""
    while error.cause is not None:
        error = error.cause
    # Its message is its own name and nothing else.
    return STOPPED if error.cls_name == DagsterExecutionInterruptedError.__name__ else error.message.strip()


def _companies_asked_for(run: dg.DagsterRun) -> tuple[str, ...]:
    """The shortnames that a rebuild is limited to by its configuration; none: it is of all companies."""
    steps = cast("Mapping[str, Any]", run.run_config.get("ops") or {})
    return tuple(name for step in steps.values() for name in (step.get("config") or {}).get("companies") or ())


def _is_sync(run: dg.DagsterRun) -> bool:
    """Whether a run writes the reporting table; one started on the asset's page has a job without a name of its own."""
    return run.job_name in SYNC_JOBS or bool(SYNC_ASSETS & (run.asset_selection or frozenset()))


def _ended_at(record: RunRecord) -> float:
    return record.end_time or record.update_timestamp.timestamp()
