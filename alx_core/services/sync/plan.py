"""What the first half of a sync comes to: what has to be written, and what each learner range holds."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from alx_core.domain.bad_records import BadRecord
from alx_core.domain.learners import Layout
from alx_core.domain.progress import LEARNER_TABLES, Snapshot
from alx_core.domain.range_facts import RangeFacts
from alx_core.store.spool import Spool

BadOf = tuple[BadRecord, frozenset[int]]
"""A bad record and the companies whose rows it holds back."""

BadKey = tuple[BadRecord, int, int | None]
"""What tells bad records apart that say the same: which of them it is, and the band, unless it is the catalogue's."""


@dataclass(frozen=True, slots=True)
class BandPlan:
    """What has to be written for some learner ranges, and their bad records, the catalogue's included.

    By range index: `facts`, the `companyids` that are written to (where any is), and `digests`, those of what was read.
    A range has no digest when its rows are not all that follows from what was read.
    """

    changes: pl.DataFrame
    bad: list[BadOf]
    facts: Mapping[int, RangeFacts]
    companyids: Mapping[int, frozenset[int]]
    digests: Mapping[int, str]


@dataclass(slots=True)
class Plan:
    """All ranges of a run together; the rows to write lie in `changes`, by company."""

    layout: Layout
    changes: Spool
    skipped: int = 0
    rows: Counter[int] = field(default_factory=Counter)
    bad: dict[BadKey, frozenset[int]] = field(default_factory=dict)
    """Each bad record -> the companies whose rows it holds back."""
    rows_read: Counter[str] = field(default_factory=Counter)
    newest_change: int | None = None
    facts: dict[int, RangeFacts] = field(default_factory=dict)
    digests: dict[int, str] = field(default_factory=dict)
    """Range index -> digest of what its rows were made from, for ranges whose rows will be right once written."""
    courses: Mapping[int, str] | None = None
    """Digests of the catalogue's courses, by which the rows of ranges that are skipped or have a digest are right."""
    companies_changed: dict[int, frozenset[int]] = field(default_factory=dict)
    """Range index -> companies it writes to, where it writes at all."""

    def count_catalogue(self, catalogue: Snapshot) -> None:
        """Take note of how many rows the catalogue has, however often it is read."""
        for name, frame in catalogue.items():
            if name not in LEARNER_TABLES:
                self.rows_read[name] = frame.height

    def judge_by(self, courses: Mapping[int, str]) -> bool:
        """Take note of the courses by which ranges are judged. False: they are not those that others were judged by."""
        if self.courses is None:
            self.courses = courses
        return self.courses == courses

    def add(self, band: BandPlan) -> None:
        """Add ranges that were looked at."""
        self.changes.add(band.changes, pl.col("companyid"))
        self._add_bad(band)
        self.facts.update(band.facts)
        self.digests.update(band.digests)
        self.companies_changed.update(band.companyids)
        for facts in band.facts.values():
            self._count(facts)

    def skip(self, facts: RangeFacts) -> None:
        """Add a range that did not change since its facts were noted."""
        self.skipped += 1
        self._count(facts)

    @property
    def errors(self) -> Counter[int]:
        """Bad records of each company; one of a learner in two companies counts for both."""
        return Counter(companyid for companyids in self.bad.values() for companyid in companyids)

    @property
    def bad_records(self) -> list[BadRecord]:
        """All bad records, each once."""
        return [record for record, _, _ in self.bad]

    def _add_bad(self, band: BandPlan) -> None:
        seen: Counter[BadRecord] = Counter()
        for record, companyids in band.bad:
            seen[record] += 1
            # The catalogue is the same in every band, so its bad records are found again in each.
            key = (record, seen[record], min(band.facts) if record.table in LEARNER_TABLES else None)
            self.bad[key] = self.bad.get(key, frozenset()) | companyids

    def _count(self, facts: RangeFacts) -> None:
        self.rows.update(facts.rows)
        self.rows_read.update(facts.rows_read)
        self.newest_change = max(filter(None, (self.newest_change, facts.newest_change)), default=None)
