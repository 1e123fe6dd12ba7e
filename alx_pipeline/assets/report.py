"""How a sync looks in Dagit: figures that are plotted over time, a table of companies, and asset checks.

One run reports the same whether it was an hour, a block of hours or a rebuild.
"""

import resource
import sys
from collections.abc import Iterator, Sequence

import dagster as dg

from alx_core.domain.checks import CHECKS, Check
from alx_core.domain.sync import COUNTS, CompanyResult, SyncResult
from alx_pipeline.assets.moodle import source_key
from alx_pipeline.moodle.tables import REPORTING_TABLES

Metadata = dict[str, dg.MetadataValue]

COMPANY_COUNTS = (*COUNTS, "errors")
COMPANY_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("company", "string"),
        dg.TableColumn("status", "string"),
        *(dg.TableColumn(name, "int") for name in COMPANY_COUNTS),
        dg.TableColumn("seconds", "float"),
        dg.TableColumn("error", "string"),
    ]
)
MOST_COMPANIES = 100
"""Listed in one event: Dagit's page of an asset loads a hundred events, and with 2,000 companies each has 400 kB."""

# Linux counts ru_maxrss in KiB, macOS in bytes.
RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def check_specs(asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Return the specs of all checks, for the decorator of `asset`."""
    return [dg.AssetCheckSpec(name.value, asset=asset, description=text) for name, text in CHECKS.items()]


def metadata_of(result: SyncResult) -> Metadata:
    """Return a sync's figures: counts are rows, `seconds` is wall time, `peak_memory_mb` the whole process's."""
    value = dg.MetadataValue
    return {
        "dagster/row_count": value.int(sum(result.table.rows.values())),
        **{name: value.int(count) for name, count in result.counts.items()},
        "bad_records": value.int(result.errors),
        "error_rate": value.float(round(result.error_rate, 6)),
        "companies_synced": value.int(len(result.companies) - len(result.failed)),
        "companies_failed": value.int(len(result.failed)),
        "seconds": value.float(round(result.seconds, 3)),
        "rows_per_second": value.float(round(result.processed / max(result.seconds, 1e-3), 1)),
        "peak_memory_mb": value.float(round(peak_memory_bytes() / 1e6, 1)),
        "learner_ranges": value.int(result.ranges),
        "learner_ranges_skipped": value.int(result.ranges_skipped),
        "sync_run_id": value.int(result.run_id),
        **company_table(result),
    }


def company_table(result: SyncResult) -> Metadata:
    """Return what the run did for each company: of many, of those that failed, had bad records, or changed most."""
    every = result.companies
    if len(every) > MOST_COMPANIES:
        every = sorted(every, key=lambda each: (each.error is None, -each.errors, -each.changed))
    return listed([_record(each) for each in every], COMPANY_SCHEMA)


def listed(companies: Sequence[dg.TableRecord], schema: dg.TableSchema) -> Metadata:
    """Return the table `companies`, of the first MOST_COMPANIES, and how many it leaves out, if any."""
    table = dg.MetadataValue.table(companies[:MOST_COMPANIES], schema=schema)
    rest = max(len(companies) - MOST_COMPANIES, 0)
    return {"companies": table, **({"companies_not_listed": dg.MetadataValue.int(rest)} if rest else {})}


def check_results(asset: dg.AssetKey, checks: list[Check]) -> Iterator[dg.AssetCheckResult]:
    """Yield the outcomes for Dagit."""
    for check in checks:
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=check.name.value,
            passed=check.passed,
            severity=dg.AssetCheckSeverity.WARN if check.is_warning else dg.AssetCheckSeverity.ERROR,
            metadata={name: value for name, value in check.figures.items() if value is not None},
        )


def source_observations(result: SyncResult) -> Iterator[dg.AssetObservation]:
    """Yield what the run read of each of Moodle's tables, so that its source assets show life in Dagit."""
    for table in REPORTING_TABLES:
        rows = dg.MetadataValue.int(result.rows_read.get(table, 0))
        yield dg.AssetObservation(source_key(table), metadata={"rows_read": rows})


def peak_memory_bytes() -> int:
    """Return the most memory that this process ever held (resident set)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT_BYTES


def _record(each: CompanyResult) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "company": each.shortname,
            "status": each.status,
            **{name: getattr(each, name) for name in COMPANY_COUNTS},
            "seconds": round(each.seconds, 3),
            "error": (each.error or "")[:500],
        }
    )
