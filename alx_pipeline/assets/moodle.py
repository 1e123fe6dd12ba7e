"""Moodle's tables as source assets, `moodle/<table>`: what the reporting table is made from.

They belong to Moodle and are never written. Each sync notes what it read of them; *Observe* in Dagit counts the
whole table there and then.
"""

from contextlib import closing
from datetime import UTC, datetime

import dagster as dg

from alx_pipeline.assets.failures import telling
from alx_pipeline.moodle.tables import CHANGE_COLUMN, REPORTING_TABLES
from alx_pipeline.resources import Alx

GROUP = "moodle"
DESCRIPTIONS = {
    "user": "People: names, addresses, deleted, suspended",
    "course": "Courses: title, visibility, whether completion is on",
    "course_modules": "Activities of the courses: which of them count towards completion",
    "course_modules_completion": "Who has done which activity, and when",
    "course_completions": "Who has completed which course, and when",
    "enrol": "Ways into a course, on or off",
    "user_enrolments": "Who is enrolled by which way, and for how long",
    "company": "IOMAD's tenants",
    "company_users": "Who belongs to which company, by department",
    "company_course": "Which courses a company has",
    "company_shared_courses": "Which shared courses a company may use",
    "iomad_courses": "Which courses are shared with every company",
    "external_tokens": "Web-service tokens, which existing reports go on using",
    "external_services": "The web services that tokens belong to",
}


def source_key(table: str) -> dg.AssetKey:
    """Return the asset key of one of Moodle's tables (without prefix)."""
    return dg.AssetKey(["moodle", table])


def _source_asset(table: str) -> dg.SourceAsset | dg.AssetsDefinition:
    @dg.observable_source_asset(
        key=source_key(table), group_name=GROUP, description=DESCRIPTIONS[table], tags={"system": "moodle"}
    )
    def observe(alx: dg.ResourceParam[Alx]) -> dg.ObserveResult:
        with telling(), closing(alx.moodle()) as source:
            rows, newest = source.facts(table)
        return dg.ObserveResult(metadata=metadata_of(rows, newest))

    return observe


def metadata_of(rows: int, newest: int | None) -> dict[str, dg.MetadataValue]:
    """Return what Dagit shows of a source table: its rows, and when one last changed where Moodle keeps that."""
    metadata: dict[str, dg.MetadataValue] = {"dagster/row_count": dg.MetadataValue.int(rows)}
    if newest:
        metadata["newest_change"] = dg.MetadataValue.timestamp(datetime.fromtimestamp(newest, UTC))
    return metadata


moodle_assets = [_source_asset(table) for table in CHANGE_COLUMN]
reporting_sources = [source_key(table) for table in REPORTING_TABLES]
