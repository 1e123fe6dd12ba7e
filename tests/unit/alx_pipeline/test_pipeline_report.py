"""What Dagit shows of a sync's companies: all of them, or of many those that matter."""

from collections.abc import Sequence

import dagster as dg

from alx_core.domain.sync import CompanyResult, SyncResult, TableFacts
from alx_pipeline.assets.report import MOST_COMPANIES, company_table


def shown(companies: Sequence[CompanyResult]) -> tuple[list[str], int]:
    """The companies listed, in order, and how many it says are not."""
    result = SyncResult(
        run_id=1, as_of=0, companies=companies, errors=0, ranges=1, ranges_skipped=0, seconds=1.0, newest_change=None,
        rows_read={}, table=TableFacts(),
    )  # fmt: skip
    metadata = company_table(result)
    table, rest = metadata["companies"], metadata.get("companies_not_listed")
    assert isinstance(table, dg.TableMetadataValue)
    assert rest is None or isinstance(rest, dg.IntMetadataValue)
    return [str(record.data["company"]) for record in table.records], (rest and rest.value) or 0


def test_all_companies_are_listed_in_their_order_while_they_are_few() -> None:
    companies = [CompanyResult(number, f"co{number}", updated=number) for number in range(MOST_COMPANIES)]
    assert shown(companies) == ([each.shortname for each in companies], 0)


def test_of_many_those_that_failed_come_first_then_bad_records_then_changes() -> None:
    quiet = [CompanyResult(number, f"co{number}") for number in range(MOST_COMPANIES + 20)]
    busy = [CompanyResult(901, "some", deleted=1), CompanyResult(902, "most", created=2, updated=3)]
    odd = [CompanyResult(903, "bad", errors=1), CompanyResult(904, "failed", error="no room")]
    listed, not_listed = shown([*quiet, *busy, *odd])
    assert listed[:5] == ["failed", "bad", "most", "some", "co0"]
    assert (len(listed), not_listed) == (MOST_COMPANIES, 24)
