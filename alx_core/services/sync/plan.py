"""The first half of a sync: what the table should hold, against what it holds, range by range. Writes nothing."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import polars as pl

from alx_core.domain.changes import changes
from alx_core.domain.learners import EVERYBODY, Layout, LearnerRange, merged
from alx_core.domain.progress import LEARNER_TABLES, Snapshot, newest_change, next_change_at, reporting_rows
from alx_core.domain.quarantine import BadRecord, inspect
from alx_core.services.sync.gather import Gathered
from alx_core.services.sync.source import Source
from alx_core.store.reporting_sync import StoredRows
from alx_core.store.spool import Spool, SpoolFolder

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
    """What has to be written for one learner range; `bad` maps each bad record to its companies."""

    index: int
    changes: pl.DataFrame
    bad: dict[BadRecord, frozenset[int]]
    facts: RangeFacts


@dataclass(slots=True)
class Plan:
    """All ranges of a run together; the rows to write lie in `changes`, by company."""

    layout: Layout
    changes: Spool
    skipped: int = 0
    rows: Counter[int] = field(default_factory=Counter)
    bad: dict[BadRecord, frozenset[int]] = field(default_factory=dict)
    rows_read: Counter[str] = field(default_factory=Counter)
    newest_change: int | None = None
    facts: dict[int, RangeFacts] = field(default_factory=dict)
    companies_changed: dict[int, frozenset[int]] = field(default_factory=dict)
    """Range index -> companies it writes to; bad records count, because they hold rows back."""

    def add(self, each: RangePlan) -> None:
        """Add a range that was looked at."""
        self.changes.add(each.changes, pl.col("companyid"))
        self.bad.update(each.bad)
        self.facts[each.index] = each.facts
        held = frozenset().union(*each.bad.values())
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
            for each in _in_order(partial(self._plan_range, plan.layout, gathered), band, self.workers):
                plan.add(each)
                done += 1
                on_progress(done, len(indexes))
            gathered.drop()

    def _plan_range(self, layout: Layout, gathered: Gathered, index: int) -> RangePlan:
        """Apply the rules to a range's snapshot and compare with the stored rows."""
        snapshot = gathered.snapshot(index)
        inspection = inspect(snapshot)
        clean, held = inspection.snapshot, inspection.held
        expected = held.release(reporting_rows(clean, as_of=self.as_of, companyids=self.companyids))
        before = held.release(self.stored.read(layout.range_at(index), self.companyids))
        return RangePlan(
            index=index,
            changes=changes(expected, before),
            bad={each: _companies_of(each, clean) for each in inspection.bad},
            facts=RangeFacts(
                rows=dict(expected.group_by("companyid").len().iter_rows()),
                rows_read={table: frame.height for table, frame in snapshot.items()},
                newest_change=newest_change(clean, as_of=self.as_of),
                valid_until=next_change_at(clean, as_of=self.as_of),
            ),
        )


def _learners(layout: Layout, band: Sequence[int]) -> list[LearnerRange]:
    if len(band) >= layout.count * FULL_SCAN_SHARE:
        return [EVERYBODY]
    return merged([layout.range_at(index) for index in band])


def _companies_of(record: BadRecord, snapshot: Snapshot) -> frozenset[int]:
    """The companies whose rows a bad record holds back."""
    if record.companyid is not None:
        return frozenset({record.companyid})
    if record.userid is not None:
        frame, column, wanted = snapshot["company_users"], "userid", record.userid
    elif record.courseid is not None:
        frame, column, wanted = snapshot["company_course"], "courseid", record.courseid
    else:
        return frozenset()
    return frozenset(frame.filter(pl.col(column) == wanted)["companyid"].unique().to_list())


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
