"""The API as Dagster sees it: its request log, which it writes itself, and `api_metrics`, the log by the hour."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg
from sqlalchemy import Connection, Engine

from alx_core.domain.api_checks import check_hour
from alx_core.domain.checks import Check
from alx_core.domain.company_names import tell_apart
from alx_core.domain.freshness import HOUR_S
from alx_core.domain.metrics import NO_COMPANY, HourMetrics, Traffic
from alx_core.services.api_hours import api_limits, company_hours
from alx_core.services.metrics import late_hours, newest_hour, record_hours
from alx_core.settings import Settings
from alx_core.store.alert_sources import refusals_of_hour
from alx_core.store.companies import list_companies
from alx_core.store.engine import connect
from alx_core.store.metrics import log_extent
from alx_pipeline.assets.api_report import check_specs, metadata_of, name_of
from alx_pipeline.assets.failures import telling
from alx_pipeline.assets.report import check_results
from alx_pipeline.catch_up import LOOKBACK
from alx_pipeline.partitions import HOURLY, hour_of, key_of
from alx_pipeline.resources import Alx

GROUP = "api"
POOL = "api_metrics"
LOG_KEY = dg.AssetKey("api_request_log")
METRICS_KEY = dg.AssetKey("api_metrics")

Events = Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]


@dg.observable_source_asset(
    key=LOG_KEY,
    group_name=GROUP,
    description="Every request to the API, answered or refused. The API writes it; *Observe* notes how far it reaches.",
    tags={"system": "api"},
    metadata={"dagster/table_name": "local_alx_api_logs"},
)
def api_request_log(alx: dg.ResourceParam[Alx]) -> dg.ObserveResult:
    """Note about how many requests the log holds, and the oldest and newest of them."""
    with telling(), alx.reporting() as engine, connect(engine) as connection:
        extent = log_extent(connection)
    if extent is None:
        return dg.ObserveResult(metadata={"dagster/row_count": 0})
    return dg.ObserveResult(
        metadata={
            "dagster/row_count": extent.requests,
            "oldest_request": _moment(extent.oldest_ms),
            "newest_request": _moment(extent.newest_ms),
        }
    )


@dg.asset(
    key=METRICS_KEY,
    description=(
        "The API's requests by hour and company: calls, errors by code, response times, cache, rows, refused tokens. "
        "Any partition, or a block of them, is one run and may be repeated without harm."
    ),
    group_name=GROUP,
    kinds={"python", "sql"},
    deps=[LOG_KEY],
    partitions_def=HOURLY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=POOL,
    check_specs=check_specs(METRICS_KEY),
    metadata={"dagster/table_name": "api_metrics_hourly"},
)
def api_metrics(context: dg.AssetExecutionContext, alx: dg.ResourceParam[Alx]) -> Events:
    """Count the requests of the run's hours; and those that came late for hours counted before."""
    window = context.partition_time_window
    start, end = int(window.start.timestamp()), int(window.end.timestamp())
    with telling(), alx.reporting() as engine:
        recorded = record_hours(engine, start=start, end=end, now=int(alx.clock()))
        late = _record_late(engine, alx, before=start)
        with connect(engine) as connection:
            shortnames = tell_apart({row["companyid"]: row["shortname"] for row in list_companies(connection)})
            newest = newest_hour(connection, now=int(alx.clock()))
            checks = _checks(connection, newest, shortnames, alx.settings())
    yield from check_results(METRICS_KEY, checks)
    of_run = {"run_rows_moved": recorded.rows_moved, "run_late_hours": len(late)}
    by_hour = defaultdict[int, list[HourMetrics]](list)
    for each in recorded.metrics:
        by_hour[each.hour].append(each)
    for hour, figures in late.items():  # or Dagit would go on showing what was counted too early
        late_key = key_of(datetime.fromtimestamp(hour, UTC))
        context.log_event(
            dg.AssetMaterialization(METRICS_KEY, partition=late_key, metadata=metadata_of(figures, shortnames))
        )
    for key in context.partition_keys:  # each hour shows its own figures, also in a run of many
        shown = metadata_of(by_hour[int(hour_of(key).timestamp())], shortnames)
        context.add_asset_metadata({**shown, **of_run}, METRICS_KEY, key)
    yield dg.MaterializeResult(asset_key=METRICS_KEY)


def _record_late(engine: Engine, alx: Alx, *, before: int) -> dict[int, Sequence[HourMetrics]]:
    """Record again the hours of the look-back to which requests came late; return their figures by hour."""
    with connect(engine) as connection:
        late = late_hours(connection, start=before - int(LOOKBACK.total_seconds()), end=before)
    now = int(alx.clock())
    return {hour: record_hours(engine, start=hour, end=hour + HOUR_S, now=now).metrics for hour in late}


def _checks(
    connection: Connection, newest: Sequence[HourMetrics], shortnames: Mapping[int, str], settings: Settings
) -> list[Check]:
    """Judge the newest hour that was counted: Dagit shows one outcome per check, whichever hour ran last."""
    names = {each.companyid: name_of(each.companyid, shortnames) for each in newest}
    limits = api_limits(settings)
    companies = company_hours(connection, newest, names, limits)
    strangers = Traffic.merge(each.traffic for each in newest if each.companyid == NO_COMPANY)
    hour = newest[0].hour if newest else None
    limit = settings.alert_failed_auth
    refusals = [] if hour is None else refusals_of_hour(connection, hour=hour, at_least=limit)
    return check_hour(hour, companies, strangers, limits, refusals=refusals, failed_auth=limit)


def _moment(epoch_ms: int) -> dg.TimestampMetadataValue:
    return dg.MetadataValue.timestamp(datetime.fromtimestamp(epoch_ms / 1000, UTC))
