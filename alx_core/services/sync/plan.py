"""The first half of a sync: what the table should hold, against what it holds, band by band. Writes nothing."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import polars as pl

from alx_core.domain.bad_records import BadRecord
from alx_core.domain.changes import changes
from alx_core.domain.digests import course_digests
from alx_core.domain.learners import EVERYBODY, Layout, LearnerRange, merged, runs
from alx_core.domain.progress import KEY, LEARNER_TABLES, Snapshot, reporting_rows
from alx_core.domain.quarantine import Inspection, inspect, is_nameless
from alx_core.domain.range_facts import RangeFacts, companies_by_range, range_digests, range_facts, rows_by_range
from alx_core.services.sync.gather import Gathered
from alx_core.services.sync.source import Source
from alx_core.store.reporting_sync import StoredRows
from alx_core.store.spool import Spool, SpoolFolder

BadOf = tuple[BadRecord, frozenset[int]]
"""A bad record and the companies whose rows it holds back."""

BadKey = tuple[BadRecord, int, int | None]
"""What tells bad records apart that say the same: which of them it is, and the band, unless it is the catalogue's."""

ROWS_PER_SCAN = 20_000_000
"""Completion rows of one scan at most: it reads them from one snapshot, which must not stay open for minutes."""

WHOLE_SHARE = 0.75
"""From this share of ranges on, the others are read too: picking rows out costs as much as sending them."""


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

    def look_at(self, indexes: Sequence[int], plan: Plan, on_progress: Callable[[int, int], None]) -> None:
        """Look at the ranges `indexes`, a band at a time, some bands side by side, and add them to `plan` in order."""
        layout, done = plan.layout, 0
        for scanned in runs(indexes, size=layout.per_band * max(1, ROWS_PER_SCAN // self.rows_per_band)):
            bands = runs(scanned, size=layout.per_band)
            gathered = Gathered(self.folder, layout, bands)
            gathered.take(self.source.scan(_to_scan(layout, scanned)))
            catalogue = gathered.catalogue()
            plan.count_catalogue(catalogue)
            # Ranges that are judged by other courses than those that will be noted are looked at again.
            has_digests = self.source.has_digests and plan.judge_by(course_digests(catalogue))
            work = partial(self._plan_band, layout, gathered, has_digests)
            for band in _in_order(work, range(len(bands)), self.workers):
                plan.add(band)
                done += len(band.facts)
                on_progress(done, len(indexes))
            gathered.drop()

    def _plan_band(self, layout: Layout, gathered: Gathered, has_digests: bool, number: int) -> BandPlan:
        """Apply the rules to a band's snapshot and compare with the stored rows."""
        snapshot, indexes = gathered.snapshot(number), gathered.bands[number]
        inspection = inspect(snapshot)
        held = inspection.held
        rows = reporting_rows(inspection.snapshot, as_of=self.as_of, companyids=self.companyids)
        stored = self.stored.read(_learners(layout, indexes), self.companyids)
        expected = held.release(rows)
        written = changes(expected, held.release(stored))
        has_digests = has_digests and self._knows_companies_of(snapshot)
        found = rows_by_range(snapshot, as_of=self.as_of, layout=layout, is_hashed=has_digests)
        sound = _sound(inspection, layout, indexes) if has_digests else []
        return BandPlan(
            changes=written,
            bad=_with_companies(inspection, [rows, stored], self.companyids) if inspection.bad else [],
            facts=range_facts(snapshot, found, expected, as_of=self.as_of, layout=layout, indexes=indexes),
            companyids=_companies_of(written, layout),
            digests=range_digests(found, sound),
        )

    def _knows_companies_of(self, snapshot: Snapshot) -> bool:
        """Not when a company was founded since the run began: its rows are the next run's."""
        return set(snapshot["company"]["id"]) <= set(self.companyids)


def _to_scan(layout: Layout, indexes: Sequence[int]) -> list[LearnerRange]:
    return [EVERYBODY] if len(indexes) >= layout.count * WHOLE_SHARE else _learners(layout, indexes)


def _learners(layout: Layout, indexes: Sequence[int]) -> list[LearnerRange]:
    return merged([layout.range_at(index) for index in indexes])


def _sound(inspection: Inspection, layout: Layout, indexes: Sequence[int]) -> list[int]:
    """The ranges without a bad record; none when one names no learner, and so may hold back anybody's rows."""
    userids = [record.userid for record in inspection.bad]
    if None in userids:
        return []
    spoilt = pl.Series(userids, dtype=pl.Int64).to_frame("userid").select(layout.index_of(pl.col("userid")))
    return sorted(set(indexes) - set(spoilt.to_series()))


def _companies_of(written: pl.DataFrame, layout: Layout) -> dict[int, frozenset[int]]:
    """Range index -> companies of its rows, for ranges that have any."""
    found: dict[int, set[int]] = defaultdict(set)
    for index, companyid, _ in companies_by_range(written, layout):
        found[index].add(companyid)
    return {index: frozenset(companyids) for index, companyids in found.items()}


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


def _in_order(work: Callable[[int], BandPlan], numbers: Sequence[int], workers: int) -> Iterator[BandPlan]:
    """Yield the plans of the bands in the order of `numbers`, holding at most `workers` + 1 of them in memory."""
    waiting = iter(numbers)
    with ThreadPoolExecutor(workers, thread_name_prefix="band") as executor:
        running: list[Future[BandPlan]] = [executor.submit(work, each) for each in islice(waiting, workers + 1)]
        try:
            while running:
                done = running.pop(0).result()
                running += [executor.submit(work, each) for each in islice(waiting, 1)]
                yield done
        finally:
            executor.shutdown(cancel_futures=True)
