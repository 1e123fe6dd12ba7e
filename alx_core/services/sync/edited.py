"""Parts of the catalogue that were edited since the last sync: who has to do with them, and what they change there.

The rules judge a learner in a company and a course by that learner's rows and by what belongs to the two
(`domain.progress`). So a company that was founded or deleted concerns those who are in it; a course those who are
enrolled, or have rows of it, as its instances may be gone. Where the learners' rows are those that were noted, no other
rows of the reporting table than those of the edited courses can be others now: only these are worked out, from Moodle's
rows about these courses, and compared. A range in which any of them has changed since its digest was taken is left
over, to be looked at whole.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

import polars as pl
from sqlalchemy import Engine

from alx_core.domain.changes import changes
from alx_core.domain.course_rows import CourseRows, course_rows
from alx_core.domain.digests import COMPANY, COURSE, REST, Part, catalogue_digests
from alx_core.domain.learners import Layout
from alx_core.domain.progress import LEARNER_TABLES, Snapshot, reporting_rows
from alx_core.domain.range_facts import of_ranges, range_facts, rows_in, with_same_digest
from alx_core.services.sync.gather import Gathered
from alx_core.services.sync.plan import BandPlan, Plan
from alx_core.services.sync.planner import (
    WHOLE_SHARE,
    OnLooked,
    Planner,
    current,
    learners_of,
    rows_by_company,
    written_in,
)
from alx_core.services.sync.source import Source
from alx_core.store.digests import rows_of_courses
from alx_core.store.engine import connect

MOST_LOOKED_UP = 5000
"""So many companies or courses that changed, or enrolment instances of theirs, are looked up; where there are more,
everything is looked at. With more activities, the ranges of their learners are looked at whole. A statement takes
32,766 values on SQLite, 65,535 on PostgreSQL."""

MOST_ALONE = 0.25
"""Share of a site's rows up to which those of the edited courses are read alone."""


@dataclass(frozen=True, slots=True)
class Edited:
    """Who has to do with what was edited, by range index.

    `whole` are ranges to be looked at whole; in `alone`, unless they are in both, the `rows` of courses may be enough.
    """

    whole: Collection[int] = ()
    alone: Collection[int] = ()
    rows: CourseRows | None = None


@dataclass(frozen=True, slots=True)
class EditedCourses:
    """Ranges in which nothing but the rows of some courses can be others now.

    `ranges` are their noted RANGE_FACTS, `of_courses` the RANGE_DIGESTS of the courses' rows in them.
    """

    rows: CourseRows
    ranges: pl.DataFrame
    of_courses: pl.DataFrame


def find_edited(
    engine: Engine, source: Source, layout: Layout, catalogue: Snapshot, parts: Collection[Part], *, rows: int
) -> Edited:
    """Find who has to do with any of `parts`, in Moodle or in one of the reporting table's `rows`."""
    if not parts:
        return Edited()
    courseids, companyids = ({part.id for part in parts if part.kind == kind} for kind in (COURSE, COMPANY))
    about = course_rows(catalogue, courseids)
    if REST in parts or max(map(len, (courseids, companyids, about.enrolids))) > MOST_LOOKED_UP:
        return Edited(whole=range(layout.count))
    members = source.ranges_with("company_users", "companyid", companyids, layout)
    enrolled = source.ranges_with("user_enrolments", "enrolid", about.enrolids, layout)
    with connect(engine) as connection:
        stored = rows_of_courses(connection, courseids, layout.width) if courseids else {}
    of_courses = {*enrolled, *map(layout.index_at, stored)}
    if sum(stored.values()) > MOST_ALONE * rows or len(about.coursemoduleids) > MOST_LOOKED_UP:
        return Edited(whole={*members, *of_courses})
    return Edited(whole=members, alone=of_courses, rows=about if of_courses else None)


def edited_alone(edited: Edited, layout: Layout, same: pl.DataFrame, of_courses: pl.DataFrame) -> EditedCourses | None:
    """Choose the ranges where the edited courses are looked at alone, of those that are the same as when noted.

    None where that would not be less than to look at all of them.
    """
    if edited.rows is None or layout.count - same.height >= layout.count * WHOLE_SHARE:
        return None
    ranges = of_ranges(same, edited.alone)
    part = of_ranges(of_courses, ranges["index"])
    is_worth_it = not ranges.is_empty() and rows_in(part) <= MOST_ALONE * rows_in(ranges)
    return EditedCourses(edited.rows, ranges, part) if is_worth_it else None


def look_at_edited(planner: Planner, edited: EditedCourses, plan: Plan, on_looked: OnLooked) -> None:
    """Add to `plan` what the courses change, and the ranges, but for those that are left over."""
    indexes = edited.ranges["index"].to_list()
    rows = max(1, rows_in(edited.of_courses))
    layout = replace(plan.layout, per_band=max(1, planner.rows_per_band * len(indexes) // rows))
    for gathered in planner.scans(layout, indexes, edited.rows):
        if plan.judge_by(catalogue_digests(gathered.catalogue())):  # they were not edited once more
            for band in planner.in_order(partial(_plan_band, planner, edited, layout, gathered), gathered):
                plan.add(band)
                on_looked()


def _plan_band(planner: Planner, edited: EditedCourses, layout: Layout, gathered: Gathered, number: int) -> BandPlan:
    """Apply the rules to a band's rows about the courses, where these are the noted ones, and compare."""
    snapshot, indexes = gathered.snapshot(number), gathered.bands[number]
    part = range_facts(snapshot, as_of=planner.as_of, layout=layout, indexes=indexes)
    same = with_same_digest(part, edited.of_courses)["index"].to_list()
    expected = reporting_rows(
        _only(snapshot, layout, same) if len(same) < len(indexes) else snapshot,
        as_of=planner.as_of,
        companyids=planner.companyids,
    )
    stored = planner.stored.read(learners_of(layout, same), planner.companyids, edited.rows.courseids)
    written = changes(expected, stored)
    return BandPlan(
        changes=written,
        bad=[],
        ranges=of_ranges(edited.ranges, same).with_columns(has_digest=pl.lit(value=True)),
        written=written_in(written, layout),
        rows_before=rows_by_company(current(stored)),
        rows=rows_by_company(expected),
    )


def _only(snapshot: Snapshot, layout: Layout, indexes: Collection[int]) -> Snapshot:
    """The rows of some ranges."""

    def rows(name: str, frame: pl.DataFrame) -> pl.DataFrame:
        learner = pl.col("id" if name == "user" else "userid")
        return frame.filter(layout.index_of(learner).is_in(indexes)) if name in LEARNER_TABLES else frame

    return {name: rows(name, frame) for name, frame in snapshot.items()}
