"""The reporting table as Dagster sees it: `reporting_table` by the hour, and `reporting_table_rebuild` at will.

Both run the same sync and differ in one thing: the hourly one may skip learner ranges that did not change.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from alx_core.domain.bad_records import LAST_TIME
from alx_core.domain.checks import check_sync
from alx_core.domain.sync import Kind, SyncRequest
from alx_core.errors import CompaniesFailed
from alx_core.services.health import success_pct
from alx_core.store.engine import connect
from alx_pipeline.assets.failures import telling
from alx_pipeline.assets.moodle import reporting_sources
from alx_pipeline.assets.report import (
    Metadata,
    check_results,
    check_specs,
    company_table,
    metadata_of,
    source_observations,
)
from alx_pipeline.instance import is_schedule_on
from alx_pipeline.partitions import HOUR, HOURLY, require_complete
from alx_pipeline.resources import Alx

GROUP = "reporting"
POOL = "reporting_sync"
TABLE_KEY = dg.AssetKey("reporting_table")
REBUILD_KEY = dg.AssetKey("reporting_table_rebuild")
KINDS = {"python", "polars"}

Events = Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]


AS_OF = "Instant at which enrolment periods are judged, in epoch seconds; default: now"


class SyncConfig(dg.Config):
    """What an hourly run can be told."""

    as_of: int | None = Field(None, ge=0, le=LAST_TIME, description=AS_OF)


class RebuildConfig(dg.Config):
    """What a rebuild can be told."""

    companies: list[str] = Field([], description="Shortnames of the companies to rebuild; empty: all")
    as_of: int | None = Field(None, ge=0, le=LAST_TIME, description=AS_OF)


@dg.asset(
    key=TABLE_KEY,
    description=(
        "One row per company, learner and course with the progress that Moodle core itself would report. "
        "Partition *h* makes the table reflect everything that changed in Moodle up to the end of *h*; any partition, "
        "or a block of them, is one run and may be repeated without harm."
    ),
    group_name=GROUP,
    kinds=KINDS,
    deps=reporting_sources,
    partitions_def=HOURLY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=POOL,
    check_specs=check_specs(TABLE_KEY),
    metadata={"dagster/table_name": "local_alx_api_reporting"},
)
def reporting_table(context: dg.AssetExecutionContext, config: SyncConfig, alx: dg.ResourceParam[Alx]) -> Events:
    """Sync the hours of the run's partitions."""
    window = context.partition_time_window
    _require_over(window, alx)
    request = SyncRequest(
        kind=Kind.HOURLY,
        as_of=_as_of(config.as_of, alx),
        window=(int(window.start.timestamp()), int(window.end.timestamp())),
        dagster_run_id=context.run.run_id,
    )
    yield from _sync(context, alx, request)


@dg.asset(
    key=REBUILD_KEY,
    description=(
        "Recomputes every row of the reporting table, of all companies or of those named in the launchpad, and writes "
        "what differs. For after a restore, a change of rules, or doubt."
    ),
    group_name=GROUP,
    kinds=KINDS,
    deps=reporting_sources,
    pool=POOL,
    check_specs=check_specs(REBUILD_KEY),
    metadata={"dagster/table_name": "local_alx_api_reporting"},
)
def reporting_table_rebuild(
    context: dg.AssetExecutionContext, config: RebuildConfig, alx: dg.ResourceParam[Alx]
) -> Events:
    """Rebuild the companies of `config`."""
    request = SyncRequest(
        kind=Kind.REBUILD,
        as_of=_as_of(config.as_of, alx),
        shortnames=tuple(config.companies),
        dagster_run_id=context.run.run_id,
    )
    yield from _sync(context, alx, request)


def _require_over(window: dg.TimeWindow, alx: Alx) -> None:
    """Refuse hours that are not over. Dagster does not look at the hours that a run's tags name.

    A run of one would say that the table shows Moodle as it will be.
    """
    with telling():
        require_complete(window.end - HOUR, now=datetime.fromtimestamp(alx.clock(), UTC))


def _as_of(chosen: int | None, alx: Alx) -> int:
    return int(alx.clock()) if chosen is None else chosen


def _sync(context: dg.AssetExecutionContext, alx: Alx, request: SyncRequest) -> Events:
    """Run a sync and report it. Companies that failed make the step fail, after the others are committed."""
    with telling():
        result = alx.sync(request)
    for observation in source_observations(result):
        context.log_event(observation)
    checks = check_sync(result, source_fresh_hours=alx.settings().source_fresh_hours)
    yield from check_results(context.asset_key, checks)
    if result.failed:
        # What is yielded before a Failure is kept, a materialization's metadata is not: so the table goes along.
        companies = company_table(result)
        context.log_event(dg.AssetObservation(context.asset_key, metadata=companies))
        failure = CompaniesFailed(result.failed, total=len(result.companies))
        raise dg.Failure(str(failure), metadata=companies, allow_retries=False)
    yield dg.MaterializeResult(asset_key=context.asset_key, metadata={**metadata_of(result), **_standing(context, alx)})


def _standing(context: dg.AssetExecutionContext, alx: Alx) -> Metadata:
    """How syncs have gone for a week, this one included, and whether the schedule that makes them is on."""
    with alx.reporting() as engine, connect(engine) as connection:
        week_pct = success_pct(connection, now=int(alx.clock()))
    standing: Metadata = {"schedule": dg.MetadataValue.text("on" if is_schedule_on(context.instance) else "off")}
    if week_pct is not None:
        standing["success_rate_7d_pct"] = dg.MetadataValue.float(round(week_pct, 2))
    return standing
