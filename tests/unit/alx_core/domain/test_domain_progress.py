"""What a row holds, clause by clause on a site of one learner."""

import polars as pl
import pytest

from alx_core.domain.progress import CONTENT, KEY, SNAPSHOT_COLUMNS, reporting_rows
from support.builders import (
    COMPANY,
    COURSE,
    LEARNER,
    MODULE,
    MODULE_TYPE,
    NOW,
    Row,
    make_course,
    make_course_completion,
    make_enrol,
    make_module,
    make_module_completion,
    make_snapshot,
    make_user,
    make_user_enrolment,
)
from support.progress import OTHER_COURSE, OTHER_ENROL, OTHER_LEARNER, TWO_WAYS, done, modules, only_row, rows


def test_a_learner_enrolled_in_a_course_of_the_company_has_one_row_that_says_everything() -> None:
    assert rows() == [
        {
            "companyid": COMPANY,
            "userid": LEARNER,
            "courseid": COURSE,
            "username": "ada",
            "firstname": "Ada",
            "lastname": "Byron",
            "email": "ada@example.com",
            "coursename": "Safety",
            "timecompleted": 0,
            "timestarted": 0,
            "timeenrolled": NOW - 1000,
            "percentage_x100": 0,
            "status": "not_started",
            "activities_total": 2,
            "activities_completed": 0,
        }
    ]


def test_a_site_without_anything_has_no_rows_but_all_columns() -> None:
    empty = reporting_rows(make_snapshot(**dict.fromkeys(SNAPSHOT_COLUMNS, ())), as_of=NOW)
    assert empty.is_empty()
    assert dict(empty.schema) == {**dict.fromkeys(KEY, pl.Int64()), **CONTENT}


def test_the_columns_have_their_types_whatever_the_rows_hold() -> None:
    every = reporting_rows(
        make_snapshot(course=[make_course(enablecompletion=0)], course_completions=[make_course_completion()]),
        as_of=NOW,
    )
    assert dict(every.schema) == {**dict.fromkeys(KEY, pl.Int64()), **CONTENT}


# --- percentage and counts ---


@pytest.mark.parametrize(
    ("completed", "total", "percentage_x100"),
    [
        (0, 2, 0),
        (1, 2, 50_00),
        (2, 2, 100_00),
        (1, 3, 33_33),
        (2, 3, 66_67),
        (1, 7, 14_29),
        (1, 32, 3_13),  # 3.125
        (3, 32, 9_38),  # 9.375
        (31, 32, 96_88),  # 96.875
        (1, 160, 63),  # 0.625
        (199, 200, 99_50),
    ],
)
def test_percentage_is_done_by_tracked_rounded_half_up(completed: int, total: int, percentage_x100: int) -> None:
    row = only_row(course_modules=modules(total), course_modules_completion=done(completed))
    assert row["percentage_x100"] == percentage_x100
    assert (row["activities_total"], row["activities_completed"]) == (total, completed)


@pytest.mark.parametrize(
    ("state", "percentage_x100", "completed"), [(0, 0, 0), (1, 50_00, 1), (2, 50_00, 1), (3, 0, 0), (4, 0, 0)]
)
def test_states_1_and_2_are_done_and_failed_ones_are_not(state: int, percentage_x100: int, completed: int) -> None:
    row = only_row(course_modules_completion=done(1, state=state))
    assert (row["percentage_x100"], row["activities_completed"]) == (percentage_x100, completed)


UNTRACKED = {
    "completion is off for it": {"completion": 0},
    "it is being deleted": {"deletioninprogress": 1},
    "its type is switched off": {"module": MODULE_TYPE + 1},
    "its type is one that the site does not have": {"module": MODULE_TYPE + 2},
}


@pytest.mark.parametrize("overrides", UNTRACKED.values(), ids=UNTRACKED.keys())
def test_a_module_is_not_tracked_when(overrides: Row) -> None:
    row = only_row(
        course_modules=[make_module(), make_module(id=MODULE + 1, **overrides)],
        modules=[{"id": MODULE_TYPE, "visible": 1}, {"id": MODULE_TYPE + 1, "visible": 0}],
        course_modules_completion=[make_module_completion(coursemoduleid=MODULE + 1)],
    )
    assert (row["activities_total"], row["activities_completed"], row["percentage_x100"]) == (1, 0, 0)
    assert row["status"] == "not_started"


def test_a_module_with_automatic_completion_is_tracked() -> None:
    row = only_row(course_modules=[make_module(completion=2)], course_modules_completion=done(1))
    assert (row["activities_total"], row["percentage_x100"]) == (1, 100_00)


def test_every_type_counts_as_switched_on_when_the_types_are_unknown() -> None:
    assert only_row(modules=[])["activities_total"] == 2


def test_modules_of_another_course_do_not_count() -> None:
    row = only_row(
        course_modules=[make_module(), make_module(id=MODULE + 1, course=OTHER_COURSE)],
        course_modules_completion=done(2),
    )
    assert (row["activities_total"], row["activities_completed"]) == (1, 1)


def test_what_others_did_does_not_count() -> None:
    row = only_row(course_modules_completion=[make_module_completion(userid=OTHER_LEARNER)])
    assert (row["activities_completed"], row["status"]) == (0, "not_started")


def test_what_is_left_of_a_module_that_is_gone_does_not_count() -> None:
    row = only_row(course_modules=[make_module()], course_modules_completion=done(2)[1:])
    assert (row["activities_completed"], row["status"], row["timestarted"]) == (0, "not_started", 0)


COMPLETE = [make_course_completion(timecompleted=NOW - 10)]


def test_a_complete_course_is_100_percent_whatever_is_done() -> None:
    row = only_row(course_completions=COMPLETE)
    assert (row["percentage_x100"], row["activities_completed"], row["activities_total"]) == (100_00, 0, 2)


def test_percentage_is_unknown_when_nothing_is_tracked() -> None:
    row = only_row(course_modules=[])
    assert (row["percentage_x100"], row["activities_total"], row["activities_completed"]) == (None, 0, 0)


def test_a_complete_course_with_nothing_tracked_is_100_percent() -> None:
    assert only_row(course_modules=[], course_completions=COMPLETE)["percentage_x100"] == 100_00


COMPLETION_OFF = [make_course(enablecompletion=0)]


@pytest.mark.parametrize("course_completions", [[], COMPLETE])
def test_percentage_is_unknown_and_counts_are_0_when_completion_is_off(course_completions: list[Row]) -> None:
    row = only_row(course=COMPLETION_OFF, course_modules_completion=done(2), course_completions=course_completions)
    assert (row["percentage_x100"], row["activities_total"], row["activities_completed"]) == (None, 0, 0)


# --- status ---


@pytest.mark.parametrize("state", [1, 2, 3, 4])
def test_a_tracked_module_with_any_state_above_0_has_begun_the_course(state: int) -> None:
    assert only_row(course_modules_completion=done(1, state=state))["status"] == "in_progress"


def test_a_completion_row_with_state_0_begins_nothing() -> None:
    row = only_row(course_modules_completion=done(2, state=0))
    assert (row["status"], row["timestarted"]) == ("not_started", 0)


def test_a_course_that_is_100_percent_but_not_complete_is_in_progress() -> None:
    row = only_row(course_modules_completion=done(2))
    assert (row["percentage_x100"], row["status"]) == (100_00, "in_progress")


@pytest.mark.parametrize(("timecompleted", "status"), [(None, "not_started"), (0, "not_started"), (-5, "not_started")])
def test_a_course_without_a_completion_time_is_not_complete(timecompleted: int | None, status: str) -> None:
    row = only_row(course_completions=[make_course_completion(timecompleted=timecompleted)])
    assert (row["status"], row["timecompleted"], row["percentage_x100"]) == (status, 0, 0)


def test_a_course_with_a_completion_time_is_completed() -> None:
    row = only_row(course_completions=COMPLETE, course_modules_completion=done(1))
    assert (row["status"], row["timecompleted"]) == ("completed", NOW - 10)


def test_completing_another_course_completes_nothing_here() -> None:
    other = [make_course_completion(course=OTHER_COURSE, timecompleted=NOW), make_course_completion(userid=7)]
    row = only_row(course_completions=other)
    assert (row["status"], row["timecompleted"], row["timestarted"]) == ("not_started", 0, 0)


def test_the_status_follows_the_rows_when_completion_is_off() -> None:
    assert only_row(course=COMPLETION_OFF, course_completions=COMPLETE)["status"] == "completed"
    assert only_row(course=COMPLETION_OFF, course_modules_completion=done(1))["status"] == "in_progress"
    assert only_row(course=COMPLETION_OFF)["status"] == "not_started"


# --- times ---


def test_timestarted_is_that_of_the_course() -> None:
    row = only_row(course_completions=[make_course_completion(timestarted=NOW - 3)], course_modules_completion=done(1))
    assert row["timestarted"] == NOW - 3


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_several_records_of_one_course_the_latest_times_count_whatever_their_order(is_reversed: bool) -> None:
    twice = [make_course_completion(timestarted=NOW - 3), make_course_completion(timecompleted=NOW - 1)]
    row = only_row(course_completions=twice[::-1] if is_reversed else twice)
    assert (row["status"], row["timecompleted"], row["timestarted"]) == ("completed", NOW - 1, NOW - 3)


@pytest.mark.parametrize("course_completions", [[], [make_course_completion(timestarted=0)]])
def test_timestarted_falls_back_to_the_earliest_activity(course_completions: list[Row]) -> None:
    activities = [
        make_module_completion(coursemoduleid=MODULE, timemodified=NOW - 20),
        make_module_completion(coursemoduleid=MODULE + 1, timemodified=NOW - 30, completionstate=3),
        make_module_completion(coursemoduleid=MODULE + 2, timemodified=NOW - 40, completionstate=0),
    ]
    row = only_row(
        course_modules=modules(3), course_modules_completion=activities, course_completions=course_completions
    )
    assert row["timestarted"] == NOW - 30


def test_timestarted_falls_back_to_activities_that_no_longer_count_too() -> None:
    row = only_row(
        course_modules=[make_module(completion=0), make_module(id=MODULE + 1)],
        course_modules_completion=[make_module_completion(timemodified=NOW - 40)],
    )
    assert (row["timestarted"], row["status"]) == (NOW - 40, "not_started")


def test_timestarted_is_0_when_nothing_was_begun() -> None:
    assert only_row(course_completions=[make_course_completion(timestarted=0)])["timestarted"] == 0


def test_timeenrolled_is_that_of_the_course() -> None:
    assert only_row(course_completions=[make_course_completion(timeenrolled=NOW - 7)])["timeenrolled"] == NOW - 7


@pytest.mark.parametrize("course_completions", [[], [make_course_completion(timeenrolled=0)]])
@pytest.mark.parametrize(("timestart", "timeenrolled"), [(NOW - 50, NOW - 50), (0, NOW - 60)])
def test_timeenrolled_falls_back_to_the_start_or_creation_of_the_enrolment(
    course_completions: list[Row], timestart: int, timeenrolled: int
) -> None:
    enrolment = make_user_enrolment(timestart=timestart, timecreated=NOW - 60)
    row = only_row(user_enrolments=[enrolment], course_completions=course_completions)
    assert row["timeenrolled"] == timeenrolled


def test_timeenrolled_falls_back_to_the_earliest_active_enrolment() -> None:
    enrolments = [
        make_user_enrolment(timestart=NOW - 50),
        make_user_enrolment(enrolid=OTHER_ENROL, timestart=0, timecreated=NOW - 70),
        make_user_enrolment(enrolid=OTHER_ENROL + 1, timestart=NOW - 99, status=1),
    ]
    row = only_row(enrol=[*TWO_WAYS, make_enrol(id=OTHER_ENROL + 1)], user_enrolments=enrolments)
    assert row["timeenrolled"] == NOW - 70


# --- texts ---


def test_texts_come_through_unchanged() -> None:
    texts = {"username": " A ", "firstname": "<b>&amp;</b>", "lastname": "O'Neill\t\n", "email": "not an address"}
    row = only_row(user=[make_user(**texts)], course=[make_course(fullname="{mlang en}Ă“\U0001f600{mlang}")])
    assert {name: row[name] for name in texts} == texts
    assert row["coursename"] == "{mlang en}Ă“\U0001f600{mlang}"


def test_missing_texts_are_empty_ones() -> None:
    texts = ("username", "firstname", "lastname", "email")
    row = only_row(user=[make_user(**dict.fromkeys(texts))], course=[make_course(fullname=None)])
    assert [row[name] for name in (*texts, "coursename")] == [""] * 5
