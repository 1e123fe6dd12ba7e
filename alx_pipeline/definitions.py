"""The code location: everything that Dagster loads. The composition root of the pipeline's processes."""

import dagster as dg

from alx_core.logs import configure_logs
from alx_pipeline.assets.moodle import moodle_assets
from alx_pipeline.assets.reporting import reporting_table, reporting_table_rebuild
from alx_pipeline.jobs import hourly_sync, observe_moodle, rebuild
from alx_pipeline.resources import Alx
from alx_pipeline.schedules import hourly_sync_schedule


def make_definitions(alx: Alx) -> dg.Definitions:
    """Build the code location around one `alx` resource."""
    return dg.Definitions(
        assets=[*moodle_assets, reporting_table, reporting_table_rebuild],
        jobs=[hourly_sync, rebuild, observe_moodle],
        schedules=[hourly_sync_schedule],
        resources={"alx": alx},
        executor=dg.in_process_executor,
    )


configure_logs("json")
defs = make_definitions(Alx())
