"""The first half of a sync: what the table should hold, against what it holds, range by range. Writes nothing."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import polars as pl

from alx_core.domain.bad_records import BadRecord
from alx_core.domain.changes import changes
from alx_core.domain.digests import catalogue_digest, snapshot_digest
from alx_core.domain.learners import EVERYBODY, Layout, LearnerRange, merged
from alx_core.domain.progress import KEY, LEARNER_TABLES, Snapshot, newest_change, next_change_at, reporting_rows
from alx_core.domain.quarantine import Inspection, inspect, is_nameless
from alx_core.services.sync.gather import Gathered
from alx_core.services.sync.source import Source
from alx_core.store.reporting_sync import StoredRows
from alx_core.store.spool import Spool, SpoolFolder

BadOf = tuple[BadRecord, frozenset[int]]
"""A bad record and the companies whose rows it holds back."""

BadKey = tuple[BadRecord, int, int | None]
"""What tells bad records apart that say the same: which of them it is, and the range, unless it is the catalogue's."""

ROWS_PER_SCAN = 20_000_000
"""Completion rows of one scan at most: it reads them from one snapshot, which must not stay open for minutes."""

FULL_SCAN_SHARE = 0.25
"""From this share of ranges on, all are read in one pass: picking learners out costs an index look-up each."""


@dataclass(frozen=True, slots=True)
class RangeFacts:
    """What a range adds to a run's figures.

    `rows` counts the rows per company that Moodle's tables give; `rows_read` Moodle's rows by table; `newest_change` is
    the latest time in what they say; `valid_until` the first instant at which time alone changes a row.
    """

    rows: dict[int, int]
    rows_read: dict[str, int]
    newest_change: int | None
    valid_until: int | None


@dataclass(frozen=True, slots=True)
class RangePlan:
    """What has to be written for one learner range, and its bad records, the catalogue's included.

    `digest` is that of what was read, None when the rows are not all that follows from it.
    """

    index: int
    changes: pl.DataFrame
    bad: list[BadOf]
    facts: RangeFacts
    digest: str | None


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
    companies_changed: dict[int, frozenset[int]] = field(default_factory=dict)
    """Range index -> companies it writes to; bad records count, because they hold rows back."""

    def add(self, each: RangePlan) -> None:
        """Add a range that was looked at."""
        self.changes.add(each.changes, pl.col("companyid"))
        self._add_bad(each)
        self.facts[each.index] = each.facts
        if each.digest is not None:
            self.digests[each.index] = each.digest
        held = frozenset().union(*(companyids for _, companyids in each.bad))
        self.companies_changed[each.index] = held | frozenset(each.changes["companyid"].unique().to_list())
        self._count(each.facts)

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

    def _add_bad(self, each: RangePlan) -> None:
        seen: Counter[BadRecord] = Counter()
        for record, companyids in each.bad:
            seen[record] += 1
            # The catalogue is the same in every range, so its bad records are found again in each.
            key = (record, seen[record], each.index if record.table in LEARNER_TABLES else None)
            self.bad[key] = self.bad.get(key, frozenset()) | companyids

    def _count(self, facts: RangeFacts) -> None:
        self.rows.update(facts.rows)
        for table, rows in facts.rows_read.items():  # the catalogue is the same in every range
            self.rows_read[table] = self.rows_read[table] + rows if table in LEARNER_TABLES else rows
        self.newest_change = max(filter(None, (self.newest_change, facts.newest_change)), default=None)


@dataclass(frozen=True, slots=True)
class Planner:
    """What it takes to look at learner ranges, whichever they are."""

    source: Source
    stored: StoredRows
    folder: SpoolFolder
    as_of: int
    companyids: Collection[int]
    rows_per_range: int
    workers: int

    def look_at(self, indexes: Sequence[int], plan: Plan, on_progress: Callable[[int, int], None]) -> None:
        """Look at the ranges `indexes`, some of them side by side, and add them to `plan` in order."""
        done = 0
        for band in plan.layout.bands(indexes, size=max(1, ROWS_PER_SCAN // self.rows_per_range)):
            gathered = Gathered(self.folder, plan.layout)
            gathered.take(self.source.scan(_learners(plan.layout, band)), band)
            catalogue = catalogue_digest(gathered.catalogue())
            work = partial(self._plan_range, plan.layout, gathered, catalogue)
            for each in _in_order(work, band, self.workers):
                plan.add(each)
                done += 1
                on_progress(done, len(indexes))
            gathered.drop()

    def _plan_range(self, layout: Layout, gathered: Gathered, catalogue: str, index: int) -> RangePlan:
        """Apply the rules to a range's snapshot and compare with the stored rows; `catalogue` is a digest."""
        snapshot = gathered.snapshot(index)
        inspection = inspect(snapshot)
        clean, held = inspection.snapshot, inspection.held
        rows = reporting_rows(clean, as_of=self.as_of, companyids=self.companyids)
        stored = self.stored.read(layout.range_at(index), self.companyids)
        expected = held.release(rows)
        return RangePlan(
            index=index,
            changes=changes(expected, held.release(stored)),
            bad=_with_companies(inspection, [rows, stored], self.companyids) if inspection.bad else [],
            facts=RangeFacts(
                rows=dict(expected.group_by("companyid").len().iter_rows()),
                rows_read={table: frame.height for table, frame in snapshot.items()},
                newest_change=newest_change(clean, as_of=self.as_of),
                valid_until=next_change_at(clean, as_of=self.as_of),
            ),
            digest=None if inspection.bad else self._digest(snapshot, catalogue),
        )

    def _digest(self, snapshot: Snapshot, catalogue: str) -> str | None:
        """None also when a company was founded since the run began: its rows are the next run's."""
        if not self.source.has_digests or not set(snapshot["company"]["id"]) <= set(self.companyids):
            return None
        return snapshot_digest(snapshot, catalogue)


def _learners(layout: Layout, band: Sequence[int]) -> list[LearnerRange]:
    if len(band) >= layout.count * FULL_SCAN_SHARE:
        return [EVERYBODY]
    return merged([layout.range_at(index) for index in band])


def _with_companies(inspection: Inspection, rows: Sequence[pl.DataFrame], every: Collection[int]) -> list[BadOf]:
    """Give each bad record the companies whose rows it holds back, among `rows`, those of the rules and the stored."""
    held, clean = inspection.held, inspection.snapshot
    keys = [frame.select(KEY) for frame in rows]
    of_learner = _companies_by("userid", held.userids, [*keys, clean["company_users"]])
    of_course = _companies_by("courseid", held.courseids, [*keys, clean["company_course"]])

    def companies_of(record: BadRecord) -> frozenset[int]:
        if is_nameless(record):
            return frozenset() if record.table in LEARNER_TABLES else frozenset(every)
        named = frozenset() if record.companyid is None else frozenset({record.companyid})
        if record.userid is not None:
            return named | of_learner.get(record.userid, frozenset())
        return named if record.courseid is None else named | of_course.get(record.courseid, frozenset())

    return [(record, companies_of(record)) for record in inspection.bad]


def _companies_by(column: str, ids: Collection[int], frames: Sequence[pl.DataFrame]) -> dict[int, frozenset[int]]:
    """The companies that stand beside each of `ids`."""
    if not ids:
        return {}
    found = pl.concat([each.select(column, "companyid") for each in frames]).filter(pl.col(column).is_in(list(ids)))
    return {each: frozenset(companyids) for each, companyids in found.group_by(column).agg("companyid").iter_rows()}


def _in_order(work: Callable[[int], RangePlan], indexes: Sequence[int], workers: int) -> Iterator[RangePlan]:
    """Yield the plans in the order of `indexes`, holding at most `workers` + 1 of them in memory."""
    waiting = iter(indexes)
    with ThreadPoolExecutor(workers, thread_name_prefix="learner-range") as executor:
        running: list[Future[RangePlan]] = [executor.submit(work, each) for each in islice(waiting, workers + 1)]
        try:
            while running:
                done = running.pop(0).result()
                running += [executor.submit(work, each) for each in islice(waiting, 1)]
                yield done
        finally:
            executor.shutdown(cancel_futures=True)
