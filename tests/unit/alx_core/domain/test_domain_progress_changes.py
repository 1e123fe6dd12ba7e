"""When time alone changes a row, and what counts as the newest change, on a site of one learner."""

import pytest

from support.builders import (
    NOW,
    Row,
    make_course_completion,
    make_module_completion,
    make_snapshot,
    make_user_enrolment,
)
from support.progress import OTHER_ENROL, TWO_WAYS
from support.ranges import newest_change, next_change_at


def test_time_alone_changes_nothing_where_no_enrolment_has_a_future_edge() -> None:
    assert next_change_at(make_snapshot(), as_of=NOW) is None
    past = [make_user_enrolment(timestart=NOW - 5, timeend=NOW)]
    assert next_change_at(make_snapshot(user_enrolments=past), as_of=NOW) is None


def test_the_nearest_future_start_or_end_is_the_next_change() -> None:
    enrolments = [
        make_user_enrolment(timestart=NOW + 30, timeend=NOW + 90),
        make_user_enrolment(enrolid=OTHER_ENROL, timestart=NOW - 5, timeend=NOW + 20),
    ]
    snapshot = make_snapshot(enrol=TWO_WAYS, user_enrolments=enrolments)
    assert next_change_at(snapshot, as_of=NOW) == NOW + 20
    assert next_change_at(snapshot, as_of=NOW + 20) == NOW + 30
    assert next_change_at(snapshot, as_of=NOW + 30) == NOW + 90
    assert next_change_at(snapshot, as_of=NOW + 90) is None


NEWEST = {
    "an enrolment": {"user_enrolments": [make_user_enrolment(timecreated=NOW - 1)]},
    "an activity": {"course_modules_completion": [make_module_completion(timemodified=NOW - 1)]},
    "a completed course": {"course_completions": [make_course_completion(timecompleted=NOW - 1)]},
}


@pytest.mark.parametrize("tables", NEWEST.values(), ids=NEWEST.keys())
def test_the_newest_change_is(tables: dict[str, list[Row]]) -> None:
    assert newest_change(make_snapshot(**tables), as_of=NOW) == NOW - 1


def test_what_lies_in_the_future_is_not_the_newest_change() -> None:
    future = [make_module_completion(timemodified=NOW + 1)]
    assert newest_change(make_snapshot(course_modules_completion=future), as_of=NOW) == NOW - 1000


def test_a_site_where_nothing_ever_happened_has_no_newest_change() -> None:
    assert newest_change(make_snapshot(user_enrolments=[]), as_of=NOW) is None
