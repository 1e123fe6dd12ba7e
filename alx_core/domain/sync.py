"""What a sync is asked to do, and what it did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from alx_core.domain.company_names import tell_apart

CHANGES = ("created", "updated", "deleted", "unchanged")
COUNTS = ("processed", *CHANGES)
"""Figures of a run and of each company in it, by their names in the books."""


class Kind(StrEnum):
    """Why a sync runs."""

    HOURLY = "hourly"
    """A partition, or a block of them: skips the learner ranges that did not change."""
    REBUILD = "rebuild"
    """Recomputes every row, whatever the digests say."""


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """One sync. `window` is [start, end) of the hours asked for, in epoch seconds; None for a rebuild.

    Enrolment periods are judged at `as_of`. `shortnames` names the companies; empty means all.
    """

    kind: Kind
    as_of: int
    window: tuple[int, int] | None = None
    shortnames: Sequence[str] = ()
    dagster_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class CompanyResult:
    """What a sync did for one company.

    `rows` is how many rows Moodle's tables give it; `processed` counts these and the bad records; `seconds` is for
    writing, by rows where companies shared a transaction.
    """

    companyid: int
    shortname: str
    rows: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    errors: int = 0
    seconds: float = 0.0
    error: str | None = None

    @property
    def processed(self) -> int:
        """Rows judged, bad records included."""
        return self.rows + self.errors

    @property
    def changed(self) -> int:
        """Rows written."""
        return self.created + self.updated + self.deleted

    @property
    def status(self) -> str:
        """`succeeded` or `failed`."""
        return "failed" if self.error else "succeeded"


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What the reporting table showed after the run, or before one that wrote nothing.

    Tombstones count in `duplicate_keys` alone.
    """

    rows: Mapping[int, int] = field(default_factory=dict)
    """companyid -> rows."""
    percentage_out_of_range: int = 0
    completed_without_time: int = 0
    duplicate_keys: int = 0


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync did. `errors` counts bad records, also those that belong to no company.

    `newest_change` is the latest time found in what Moodle says of its learners (epoch seconds).
    """

    run_id: int
    as_of: int
    companies: Sequence[CompanyResult]
    errors: int
    ranges: int
    ranges_skipped: int
    seconds: float
    newest_change: int | None
    rows_read: Mapping[str, int]
    """Moodle's table -> rows that the rules looked at."""
    table: TableFacts

    @property
    def names(self) -> dict[int, str]:
        """What each company is called, by companyid."""
        return tell_apart({each.companyid: each.shortname for each in self.companies})

    @property
    def failed(self) -> dict[str, str]:
        """Error of each company that failed, by its name."""
        names = self.names
        return {names[each.companyid]: each.error for each in self.companies if each.error}

    def total(self, name: str) -> int:
        """Sum of a figure over the companies, for example `created`."""
        return sum(getattr(each, name) for each in self.companies)

    @property
    def processed(self) -> int:
        """Rows judged, bad records included: one of two companies counts once, and so does one of none."""
        return self.total("rows") + self.errors

    @property
    def counts(self) -> dict[str, int]:
        """The run's COUNTS."""
        return {"processed": self.processed, **{name: self.total(name) for name in CHANGES}}

    @property
    def error_rate(self) -> float:
        """Share of bad records in all processed, 0 to 1."""
        return self.errors / self.processed if self.processed else 0.0
