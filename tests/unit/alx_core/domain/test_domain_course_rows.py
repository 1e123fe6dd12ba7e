"""The rows about some courses are all that it takes to judge learners in these courses."""

from collections.abc import Collection

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from alx_core.domain.course_rows import course_rows
from alx_core.domain.progress import LEARNER_TABLES, Snapshot, reporting_rows
from support.builders import NOW, make_course, make_enrol, make_module, make_snapshot, rows_about
from support.random_sites import COURSES, snapshots


@settings(max_examples=20)
@given(snapshot=snapshots(), courseids=st.sets(st.sampled_from(COURSES)))
def test_from_the_rows_about_courses_follow_all_their_rows_and_no_others(
    snapshot: Snapshot, courseids: Collection[int]
) -> None:
    part = rows_about(snapshot, course_rows(snapshot, courseids))
    of_courses = reporting_rows(snapshot, as_of=NOW).filter(pl.col("courseid").is_in(list(courseids)))
    assert_frame_equal(reporting_rows(part, as_of=NOW), of_courses)


def test_they_are_named_by_the_courses_their_instances_and_their_activities() -> None:
    catalogue = make_snapshot(
        course=[make_course(id=each) for each in (2, 3, 4)],
        enrol=[make_enrol(id=each, courseid=course) for each, course in ((20, 2), (21, 2), (30, 3))],
        course_modules=[make_module(id=each, course=course) for each, course in ((200, 2), (300, 3), (400, 4))],
    )
    rows = course_rows(catalogue, [2, 4])
    named = {table: rows.ids_in(table) for table in LEARNER_TABLES}
    assert named == {
        "user": None,
        "user_enrolments": ("enrolid", {20, 21}),
        "course_modules_completion": ("coursemoduleid", {200, 400}),
        "course_completions": ("course", {2, 4}),
        "company_users": None,
    }
