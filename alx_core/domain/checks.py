"""Is the reporting table sound after a sync? Pure rules over its result; Dagster shows them as asset checks."""

from dataclasses import dataclass
from enum import StrEnum

from alx_core.domain.sync import SyncResult


class CheckName(StrEnum):
    """The checks, in the order they are shown."""

    COMPANIES_OK = "companies_ok"
    ROW_COUNT_MATCHES_SOURCE = "row_count_matches_source"
    NO_DUPLICATE_KEYS = "no_duplicate_keys"
    PERCENTAGE_IN_RANGE = "percentage_in_range"
    COMPLETED_HAS_TIME = "completed_has_time"
    SOURCE_FRESH = "source_fresh"


CHECKS: dict[CheckName, str] = {
    CheckName.COMPANIES_OK: "Every company was written",
    CheckName.ROW_COUNT_MATCHES_SOURCE: "Each company has as many rows as Moodle's tables give it",
    CheckName.NO_DUPLICATE_KEYS: "No (company, learner, course) stands twice",
    CheckName.PERCENTAGE_IN_RANGE: "Every percentage is between 0 and 100, or unknown",
    CheckName.COMPLETED_HAS_TIME: "Every completed row says when",
    CheckName.SOURCE_FRESH: "Something moved in Moodle lately: a replica that hangs looks like a quiet site",
}

Figures = dict[str, int | float | str | None]


@dataclass(frozen=True, slots=True)
class Check:
    """One check's outcome. A failed check that is only a warning leaves the table usable."""

    name: StrEnum
    passed: bool
    figures: Figures
    is_warning: bool = False


def check_sync(result: SyncResult, *, source_fresh_hours: float) -> list[Check]:
    """Judge a sync's result; one Check for each name in CHECKS."""
    differences = _row_differences(result)
    table = result.table
    return [
        Check(CheckName.COMPANIES_OK, not result.failed, {"companies_failed": len(result.failed), **result.failed}),
        Check(
            CheckName.ROW_COUNT_MATCHES_SOURCE,
            not differences,
            {"companies_differing": len(differences), **differences},
        ),
        _none(CheckName.NO_DUPLICATE_KEYS, table.duplicate_keys),
        _none(CheckName.PERCENTAGE_IN_RANGE, table.percentage_out_of_range),
        _none(CheckName.COMPLETED_HAS_TIME, table.completed_without_time),
        _source_fresh(result, source_fresh_hours),
    ]


def _none(name: CheckName, count: int) -> Check:
    return Check(name, count == 0, {"rows": count})


def _row_differences(result: SyncResult) -> dict[str, int]:
    """Rows in the table minus rows from Moodle, by company's name, where they differ.

    A company that failed keeps its old rows, and bad records hold rows back: neither can be compared.
    """
    names = result.names
    comparable = [each for each in result.companies if not each.error and not each.errors]
    found = {names[each.companyid]: result.table.rows.get(each.companyid, 0) - each.rows for each in comparable}
    return {shortname: difference for shortname, difference in found.items() if difference}


def _source_fresh(result: SyncResult, limit_hours: float) -> Check:
    newest = result.newest_change
    age_hours = None if newest is None else round(max(0, result.as_of - newest) / 3600, 1)
    passed = age_hours is not None and age_hours <= limit_hours
    figures: Figures = {"age_hours": age_hours, "limit_hours": limit_hours}
    return Check(CheckName.SOURCE_FRESH, passed, figures, is_warning=True)
