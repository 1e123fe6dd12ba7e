"""The jobs people see in Dagit. Each runs in one process: a sync is one step, and a second process costs seconds."""

import dagster as dg

from alx_pipeline.assets.api_metrics import LOG_KEY, METRICS_KEY
from alx_pipeline.assets.moodle import source_key
from alx_pipeline.assets.reporting import REBUILD_KEY, TABLE_KEY
from alx_pipeline.moodle.tables import CHANGE_COLUMN

hourly_sync = dg.define_asset_job(
    "hourly_sync",
    selection=dg.AssetSelection.assets(TABLE_KEY),
    executor_def=dg.in_process_executor,
    description="Brings the reporting table up to the end of an hour, or of a block of hours.",
)

rebuild = dg.define_asset_job(
    "rebuild",
    selection=dg.AssetSelection.assets(REBUILD_KEY),
    executor_def=dg.in_process_executor,
    description="Recomputes all rows, or those of the companies named in the launchpad.",
)

observe_moodle = dg.define_asset_job(
    "observe_moodle",
    selection=dg.AssetSelection.assets(*(source_key(table) for table in CHANGE_COLUMN)),
    executor_def=dg.in_process_executor,
    description="Counts the rows of Moodle's tables and notes their newest change.",
)

hourly_metrics = dg.define_asset_job(
    "hourly_metrics",
    selection=dg.AssetSelection.assets(METRICS_KEY),
    executor_def=dg.in_process_executor,
    description="Counts the API's requests of an hour, or of a block of hours.",
)

observe_request_log = dg.define_asset_job(
    "observe_request_log",
    selection=dg.AssetSelection.assets(LOG_KEY),
    executor_def=dg.in_process_executor,
    description="Notes how far the API's request log reaches.",
)
