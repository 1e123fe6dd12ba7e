"""What the first half of a sync comes to: what has to be written, and what each learner range holds."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from alx_core.domain.bad_records import BadRecord
from alx_core.domain.digests import Part
from alx_core.domain.learners import Layout
from alx_core.domain.progress import LEARNER_TABLES, Snapshot
from alx_core.domain.range_facts import NO_RANGES, RANGE_FACTS, rows_read
from alx_core.store.spool import Spool

BadOf = tuple[BadRecord, frozenset[int]]
"""A bad record and the companies whose rows it holds back."""

BadKey = tuple[BadRecord, int, int | None]
"""What tells bad records apart that say the same: which of them it is, and the band, unless it is the catalogue's."""

RANGE_AND_COMPANY = {"index": pl.Int64(), "companyid": pl.Int64()}


@dataclass(frozen=True, slots=True)
class BandPlan:
    """What has to be written for some learner ranges, and their bad records, the catalogue's included.

    `ranges` are their RANGE_FACTS, and `has_digest`: not so where a range's rows are not all that follows from what was
    read. `written` has a row of RANGE_AND_COMPANY for each range and company with anything to write.
    By company: `rows_before` counts the rows that the reporting table had of what was looked at, `rows` those that
    Moodle's tables give.
    """

    changes: pl.DataFrame
    bad: list[BadOf]
    ranges: pl.DataFrame
    written: pl.DataFrame
    rows_before: Counter[int]
    rows: Counter[int]


@dataclass(slots=True)
class Plan:
    """All ranges of a run together; the rows to write lie in `changes`, by company."""

    layout: Layout
    changes: Spool
    skipped: int = 0
    rows: Counter[int] = field(default_factory=Counter)
    """Rows of each company that Moodle's tables give."""
    bad: dict[BadKey, frozenset[int]] = field(default_factory=dict)
    """Each bad record -> the companies whose rows it holds back."""
    rows_read: Counter[str] = field(default_factory=Counter)
    newest_change: int | None = None
    looked_at: set[int] = field(default_factory=set)
    """Indexes of ranges."""
    ranges: list[pl.DataFrame] = field(default_factory=list)
    """RANGE_FACTS of those that were looked at and whose rows will be right once written."""
    written: list[pl.DataFrame] = field(default_factory=list)
    parts: Mapping[Part, str] | None = None
    """Digests of the catalogue's parts, by which the rows of ranges that are skipped or have a digest are right."""
    is_part: bool = False
    """Whether `rows` began with those of the reporting table: not everything will be looked at."""

    def count_catalogue(self, catalogue: Snapshot) -> None:
        """Take note of how many rows the catalogue has, however often it is read."""
        for name, frame in catalogue.items():
            if name not in LEARNER_TABLES:
                self.rows_read[name] = frame.height

    def judge_by(self, parts: Mapping[Part, str]) -> bool:
        """Take note of the catalogue by which ranges are judged. False: it is not the one others were judged by."""
        if self.parts is None:
            self.parts = parts
        return self.parts == parts

    def skip(self, ranges: pl.DataFrame, rows: Mapping[int, int]) -> None:
        """Leave out ranges that did not change since their facts were noted; the reporting table has `rows`."""
        self.is_part = True
        self.rows.update(rows)
        self.skipped = ranges.height
        self._count(ranges)

    def add(self, band: BandPlan) -> None:
        """Add ranges that were looked at."""
        self.changes.add(band.changes, pl.col("companyid"))
        self._add_bad(band)
        self.looked_at.update(band.ranges["index"])
        self.ranges.append(band.ranges.filter("has_digest").select(RANGE_FACTS.keys()))
        self.written.append(band.written)
        self.rows.update(band.rows)
        if self.is_part:
            self.rows.subtract(band.rows_before)
        self._count(band.ranges)

    def ranges_without(self, failed: Collection[int]) -> pl.DataFrame:
        """Return RANGE_FACTS of what was looked at and is right now that all companies but `failed` were written."""
        ranges = pl.concat([NO_RANGES, *self.ranges])
        written = pl.concat([pl.DataFrame(schema=RANGE_AND_COMPANY), *self.written])
        spoilt = written.filter(pl.col("companyid").is_in(list(failed)))
        return ranges.join(spoilt, on="index", how="anti")

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
            first = band.ranges["index"][0] if record.table in LEARNER_TABLES else None
            key = (record, seen[record], first)
            self.bad[key] = self.bad.get(key, frozenset()) | companyids

    def _count(self, ranges: pl.DataFrame) -> None:
        self.rows_read.update(rows_read(ranges))
        newest = ranges.select(pl.col("newest_change").max()).item()
        self.newest_change = max(filter(None, (self.newest_change, newest)), default=None)
