"""The first half of a sync: what the table should hold, against what it holds, band by band. Writes nothing."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeVar

import polars as pl

from alx_core.domain.bad_records import BadRecord
from alx_core.domain.changes import changes
from alx_core.domain.course_rows import CourseRows
from alx_core.domain.digests import catalogue_digests
from alx_core.domain.learners import EVERYBODY, Layout, LearnerRange, merged, runs
from alx_core.domain.progress import KEY, LEARNER_TABLES, Snapshot, reporting_rows
from alx_core.domain.quarantine import Inspection, inspect, is_nameless
from alx_core.domain.range_facts import range_facts
from alx_core.services.sync.gather import Gathered
from alx_core.services.sync.plan import BadOf, BandPlan, Plan
from alx_core.services.sync.source import Source
from alx_core.store.reporting_sync import StoredRows
from alx_core.store.spool import SpoolFolder

OnLooked = Callable[[], None]
"""Is called whenever ranges were added to the plan."""
Planned = TypeVar("Planned")

ROWS_PER_SCAN = 20_000_000
"""Completion rows of one scan at most: it reads them from one snapshot, which must not stay open for minutes."""

WHOLE_SHARE = 0.75
"""From this share of ranges on, the others are read too: picking rows out costs as much as sending them."""


@dataclass(frozen=True, slots=True)
class Planner:
    """What it takes to look at learner ranges, whichever they are."""

    source: Source
    stored: StoredRows
    folder: SpoolFolder
    as_of: int
    companyids: Collection[int]
    rows_per_band: int
    workers: int

    def look_at(self, indexes: Sequence[int], plan: Plan, on_looked: OnLooked) -> None:
        """Look at the ranges `indexes`, a band at a time, some bands side by side, and add them to `plan` in order."""
        for gathered in self.scans(plan.layout, indexes):
            catalogue = gathered.catalogue()
            plan.count_catalogue(catalogue)
            # Ranges that are judged by another catalogue than the one that will be noted are looked at again.
            has_digests = self.source.has_digests and plan.judge_by(catalogue_digests(catalogue))
            for band in self.in_order(partial(self._plan_band, plan.layout, gathered, has_digests), gathered):
                plan.add(band)
                on_looked()

    def scans(self, layout: Layout, indexes: Sequence[int], courses: CourseRows | None = None) -> Iterator[Gathered]:
        """Yield Moodle's rows of the ranges `indexes`, or those about `courses`, in bands of `layout`, scan by scan."""
        for scanned in runs(indexes, size=layout.per_band * max(1, ROWS_PER_SCAN // self.rows_per_band)):
            gathered = Gathered(self.folder, layout, runs(scanned, size=layout.per_band))
            gathered.take(self.source.scan(_to_scan(layout, scanned), courses))
            yield gathered
            gathered.drop()

    def in_order(self, work: Callable[[int], Planned], gathered: Gathered) -> Iterator[Planned]:
        """Yield what `work` makes of the bands, by number, in their order, holding at most `workers` + 1 in memory."""
        waiting = iter(range(len(gathered.bands)))
        with ThreadPoolExecutor(self.workers, thread_name_prefix="band") as executor:
            running = [executor.submit(work, each) for each in islice(waiting, self.workers + 1)]
            try:
                while running:
                    done = running.pop(0).result()
                    running += [executor.submit(work, each) for each in islice(waiting, 1)]
                    yield done
            finally:
                executor.shutdown(cancel_futures=True)

    def _plan_band(self, layout: Layout, gathered: Gathered, has_digests: bool, number: int) -> BandPlan:
        """Apply the rules to a band's snapshot and compare with the stored rows."""
        snapshot, indexes = gathered.snapshot(number), gathered.bands[number]
        inspection = inspect(snapshot)
        held = inspection.held
        rows = reporting_rows(inspection.snapshot, as_of=self.as_of, companyids=self.companyids)
        stored = self.stored.read(learners_of(layout, indexes), self.companyids)
        expected = held.release(rows)
        written = changes(expected, held.release(stored))
        has_digests = has_digests and self._knows_companies_of(snapshot)
        facts = range_facts(snapshot, as_of=self.as_of, layout=layout, indexes=indexes, is_hashed=has_digests)
        sound = _sound(inspection, layout, indexes) if has_digests else []
        return BandPlan(
            changes=written,
            bad=_with_companies(inspection, [rows, stored], self.companyids) if inspection.bad else [],
            ranges=facts.with_columns(has_digest=pl.col("index").is_in(sound)),
            written=written_in(written, layout),
            rows_before=rows_by_company(current(stored)),
            rows=rows_by_company(expected),
        )

    def _knows_companies_of(self, snapshot: Snapshot) -> bool:
        """Not when a company was founded since the run began: its rows are the next run's."""
        return set(snapshot["company"]["id"]) <= set(self.companyids)


def _to_scan(layout: Layout, indexes: Sequence[int]) -> list[LearnerRange]:
    return [EVERYBODY] if len(indexes) >= layout.count * WHOLE_SHARE else learners_of(layout, indexes)


def learners_of(layout: Layout, indexes: Sequence[int]) -> list[LearnerRange]:
    """Return the ranges `indexes`, neighbours joined."""
    return merged([layout.range_at(index) for index in indexes])


def _sound(inspection: Inspection, layout: Layout, indexes: Sequence[int]) -> list[int]:
    """The ranges without a bad record; none when one names no learner, and so may hold back anybody's rows."""
    userids = [record.userid for record in inspection.bad]
    if None in userids:
        return []
    spoilt = pl.Series(userids, dtype=pl.Int64).to_frame("userid").select(layout.index_of(pl.col("userid")))
    return sorted(set(indexes) - set(spoilt.to_series()))


def written_in(changes: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Return RANGE_AND_COMPANY of the ranges and companies that have any of `changes`."""
    return changes.select(layout.index_of(pl.col("userid")).alias("index"), "companyid").unique()


def current(stored: pl.DataFrame) -> pl.DataFrame:
    """Return stored rows without tombstones."""
    return stored.filter(pl.col("is_deleted") == 0)


def rows_by_company(rows: pl.DataFrame) -> Counter[int]:
    """Count rows that have KEY."""
    return Counter(dict(rows.group_by("companyid").len().iter_rows()))


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
