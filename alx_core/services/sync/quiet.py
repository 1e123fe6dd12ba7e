"""Learner ranges in which nothing happened since the last sync, and the proof of it.

A range is skipped when its digest is the one noted when its rows were last right, none of its learners has to do with
a course that has changed, no enrolment has begun or ended since, and nobody else wrote to the table. The digest that is
noted is that of the very rows that were read (`domain.digests`), and it is forgotten before anything is written: a run
that is killed leaves no digest that is not true. The first sync of a day (UTC) looks at everything, so that a collision
of digests lasts a day at most.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl
from sqlalchemy import Engine, Row

from alx_core.domain.digests import NO_COURSE, changed_courses, course_digests
from alx_core.domain.learners import Layout
from alx_core.domain.progress import Snapshot
from alx_core.domain.quarantine import inspect
from alx_core.domain.range_facts import RangeFacts
from alx_core.domain.sync import Kind, SyncRequest, TableFacts
from alx_core.services.sync.plan import WHOLE_SHARE, Plan
from alx_core.services.sync.source import Source
from alx_core.store.companies import noted_row_counts, table_facts
from alx_core.store.digests import (
    forget_digests,
    load_courses,
    load_digests,
    range_numbers_of_courses,
    save_courses,
    save_digests,
)
from alx_core.store.engine import connect, transaction
from alx_core.store.runs import require_running

DAY_S = 86_400

Noted = Row[*tuple[Any, ...]]
"""A row of `sync_digests`."""
DECODER = msgspec.json.Decoder(RangeFacts)

MOST_LOOKED_UP = 5000
"""So many courses that changed, or enrolment instances of theirs, are looked up; where there are more, everything is
looked at. A statement takes 32,766 values on SQLite, 65,535 on PostgreSQL."""


@dataclass(frozen=True, slots=True)
class QuietRanges:
    """What is known of the ranges that need no look, by range index, and the catalogue by which they are right.

    `courses` are the digests of the catalogue's courses. `table` is what the reporting table showed; None: it was not
    looked at.
    """

    facts: Mapping[int, RangeFacts]
    catalogue: Snapshot
    courses: Mapping[int, str]
    table: TableFacts | None


NONE = QuietRanges({}, {}, {}, None)


def find_quiet(engine: Engine, source: Source, layout: Layout, request: SyncRequest) -> QuietRanges:
    """Compare the digests of now with those noted. A rebuild looks at everything.

    Moodle is not asked for digests where hardly any that is noted could be equal.
    """
    if request.kind is Kind.REBUILD or not source.has_digests:
        return NONE
    with connect(engine) as connection:
        noted = dict(_valid(load_digests(connection), layout, request.as_of))
        if not noted:
            return NONE
        table = table_facts(connection)
        if table.rows != noted_row_counts(connection):  # somebody else wrote to it
            return NONE
        courses_before = load_courses(connection)
    catalogue = source.catalogue()
    if inspect(catalogue).bad:  # told of each hour, where ranges are looked at
        return NONE
    courses = course_digests(catalogue)
    touched = _touched(engine, source, layout, catalogue, changed_courses(courses_before, courses))
    if len(noted.keys() - touched) <= layout.count * (1 - WHOLE_SHARE):  # everything will be read in any case
        return NONE
    now = source.digests(layout)
    return QuietRanges(
        {index: _facts(row) for index, row in noted.items() if index not in touched and now.get(index) == row.digest},
        catalogue,
        courses,
        table,
    )


def _touched(
    engine: Engine, source: Source, layout: Layout, catalogue: Snapshot, courses: Collection[int]
) -> Collection[int]:
    """The ranges of learners who have to do with any of `courses`: enrolled in Moodle, or with a row in the table."""
    if not courses:
        return ()
    enrolids = catalogue["enrol"].filter(pl.col("courseid").is_in(list(courses)))["id"].to_list()
    if NO_COURSE in courses or max(len(courses), len(enrolids)) > MOST_LOOKED_UP:
        return range(layout.count)
    touched = set(source.enrolled(enrolids, layout)) if enrolids else set()
    with connect(engine) as connection:
        numbers = range_numbers_of_courses(connection, courses, layout.width)
    return touched | {layout.index_at(number) for number in numbers}


def forget_changed(engine: Engine, layout: Layout, quiet: QuietRanges) -> None:
    """Forget the digests of all ranges that are not skipped; to be called before anything is written.

    Those that are skipped are right by the courses that are noted as well as by those of now.
    """
    with transaction(engine) as connection:
        forget_digests(connection, keep=[layout.range_at(index).first for index in quiet.facts])


def note_digests(engine: Engine, plan: Plan, *, run_id: int, as_of: int, failed: Collection[int]) -> None:
    """Note the digests of the ranges whose rows are right now; those of a failed company are not.

    A range with a bad record has none. One of the catalogue is in every range, so then nothing is noted. Raises
    SyncLocked when another sync has taken this one's place.
    """
    rows = [
        _row(plan, index, digest, as_of)
        for index, digest in plan.digests.items()
        if plan.companies_changed.get(index, frozenset()).isdisjoint(failed)
    ]
    with transaction(engine) as connection:
        require_running(connection, run_id)
        save_digests(connection, rows)
        if plan.courses is not None:
            save_courses(connection, plan.courses)


def _valid(noted: Collection[Noted], layout: Layout, as_of: int) -> Iterator[tuple[int, Noted]]:
    """The noted digests that still say something about a range of today's layout, by range index."""
    by_range = {(row.first_userid, row.last_userid): row for row in noted}
    for index in range(layout.count):
        learners = layout.range_at(index)
        row = by_range.get((learners.first, learners.last))
        if row is not None and _is_valid(row, as_of):
            yield index, row


def _is_valid(row: Noted, as_of: int) -> bool:
    is_in_time = row.as_of <= as_of and (row.valid_until is None or as_of < row.valid_until)
    return bool(is_in_time and row.as_of // DAY_S == as_of // DAY_S)


def _row(plan: Plan, index: int, digest: str, as_of: int) -> dict[str, Any]:
    learners, facts = plan.layout.range_at(index), plan.facts[index]
    return {
        "first_userid": learners.first,
        "last_userid": learners.last,
        "digest": digest,
        "as_of": as_of,
        "valid_until": facts.valid_until,
        "facts": msgspec.json.encode(facts).decode(),
    }


def _facts(row: Noted) -> RangeFacts:
    return DECODER.decode(row.facts)
