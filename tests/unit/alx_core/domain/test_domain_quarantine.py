"""Bad records: found, reported with their reason, and kept from changing anything that does not hang on them."""

from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from alx_core.domain.bad_records import LAST_TIME, BadRecord, Reason
from alx_core.domain.progress import KEY, SNAPSHOT_COLUMNS, Snapshot, reporting_rows
from alx_core.domain.quarantine import NULLABLE, Held, inspect
from support.builders import (
    COMPANY,
    COURSE,
    LEARNER,
    MODULE,
    MODULE_TYPE,
    NOW,
    Row,
    make_company,
    make_company_user,
    make_course,
    make_course_completion,
    make_enrol,
    make_module,
    make_module_completion,
    make_report,
    make_report_row,
    make_snapshot,
    make_user,
    make_user_enrolment,
)
from support.random_sites import snapshots

GOOD: dict[str, Row] = {
    "user": make_user(),
    "user_enrolments": make_user_enrolment(),
    "course_modules_completion": make_module_completion(),
    "course_completions": make_course_completion(),
    "company_users": make_company_user(),
    "course": make_course(),
    "course_modules": make_module(),
    "modules": {"id": MODULE_TYPE, "visible": 1},
    "enrol": make_enrol(),
    "company": make_company(),
    "company_course": {"companyid": COMPANY, "courseid": COURSE},
    "company_shared_courses": {"companyid": COMPANY, "courseid": COURSE},
    "iomad_courses": {"courseid": COURSE, "shared": 0},
}
"""A healthy row of each table."""

TEXT_COLUMNS = [(table, name) for table, each in SNAPSHOT_COLUMNS.items() for name in each if each[name] == pl.String()]
NUMBER_COLUMNS = [
    (table, name) for table, each in SNAPSHOT_COLUMNS.items() for name in each if (table, name) not in TEXT_COLUMNS
]
TIME_COLUMNS = [(table, name) for table, name in NUMBER_COLUMNS if name.startswith("time")]


def snapshot_with(table: str, *rows: Row) -> Snapshot:
    return make_snapshot(**{name: [row] for name, row in GOOD.items()} | {table: list(rows)})


def only_bad(table: str, **spoilt: Any) -> BadRecord:
    (record,) = inspect(snapshot_with(table, {**GOOD[table], **spoilt})).bad
    return record


def test_a_clean_snapshot_comes_back_as_it_is() -> None:
    snapshot = snapshot_with("user", make_user())
    inspection = inspect(snapshot)
    assert inspection.snapshot is snapshot
    assert (inspection.bad, inspection.held) == ([], Held())


# --- what is bad ---


@pytest.mark.parametrize("value", [None, -1, -(2**63)])
@pytest.mark.parametrize(("table", "column"), sorted(set(NUMBER_COLUMNS) - NULLABLE))
def test_a_missing_or_negative_number_is_bad(table: str, column: str, value: int | None) -> None:
    record = only_bad(table, **{column: value})
    assert (record.table, record.column, record.reason) == (table, column, Reason.NOT_A_NUMBER)


@pytest.mark.parametrize(("table", "column"), sorted(NULLABLE))
def test_a_number_that_moodle_itself_leaves_out_may_be_missing_but_not_negative(table: str, column: str) -> None:
    assert inspect(snapshot_with(table, {**GOOD[table], column: None})).bad == []
    assert only_bad(table, **{column: -1}).reason is Reason.NOT_A_NUMBER


@pytest.mark.parametrize(("table", "column"), TIME_COLUMNS)
def test_a_time_after_the_year_9999_is_bad(table: str, column: str) -> None:
    assert inspect(snapshot_with(table, {**GOOD[table], column: LAST_TIME})).bad == []
    record = only_bad(table, **{column: LAST_TIME + 1})
    assert (record.column, record.reason) == (column, Reason.TIME_OUT_OF_RANGE)


def test_a_number_that_is_no_time_may_be_as_large_as_it_likes() -> None:
    assert inspect(snapshot_with("user", make_user(id=2**63 - 1))).bad == []


@pytest.mark.parametrize(("table", "column"), TEXT_COLUMNS)
@pytest.mark.parametrize("text", ["\0", "a\0b"])
def test_a_text_with_a_nul_is_bad(table: str, column: str, text: str) -> None:
    record = only_bad(table, **{column: text})
    assert (record.column, record.reason) == (column, Reason.NUL_IN_TEXT)


@pytest.mark.parametrize(("table", "column"), TEXT_COLUMNS)
@pytest.mark.parametrize("text", ["", None, "no address", "\\0", "\x01", "🎓", "x" * 10_000])
def test_any_other_text_is_good(table: str, column: str, text: str | None) -> None:
    assert inspect(snapshot_with(table, {**GOOD[table], column: text})).bad == []


def test_a_record_with_several_faults_is_one_bad_record() -> None:
    assert only_bad("user_enrolments", timestart=-1, timeend=LAST_TIME + 1).column == "timestart"


def test_a_bad_record_is_taken_out_and_the_good_ones_of_its_table_stay() -> None:
    rows = [make_user(), make_user(id=LEARNER + 1, email="\0"), make_user(id=LEARNER + 2)]
    inspection = inspect(snapshot_with("user", *rows))
    assert inspection.snapshot["user"]["id"].to_list() == [LEARNER, LEARNER + 2]


# --- what it says, and what it holds back ---


@pytest.mark.parametrize(
    ("table", "column", "ids"),
    [
        ("user", "deleted", (LEARNER, None, None)),
        ("user_enrolments", "enrolid", (LEARNER, None, None)),
        ("course_modules_completion", "coursemoduleid", (LEARNER, None, None)),
        ("course_completions", "timestarted", (LEARNER, COURSE, None)),
        ("course_completions", "course", (LEARNER, None, None)),
        ("company_users", "suspended", (LEARNER, None, COMPANY)),
        ("course", "visible", (None, COURSE, None)),
        ("course_modules", "completion", (None, COURSE, None)),
        ("enrol", "status", (None, COURSE, None)),
        ("company", "suspended", (None, None, COMPANY)),
        ("company_course", "courseid", (None, None, COMPANY)),
        ("company_course", "companyid", (None, COURSE, None)),
        ("company_shared_courses", "courseid", (None, None, COMPANY)),
        ("iomad_courses", "shared", (None, COURSE, None)),
    ],
)
def test_a_bad_record_names_the_ids_that_are_still_readable(
    table: str, column: str, ids: tuple[int | None, int | None, int | None]
) -> None:
    record = only_bad(table, **{column: -1})
    assert (record.userid, record.courseid, record.companyid) == ids


def test_a_bad_record_holds_no_personal_data() -> None:
    assert "ada@example.com" not in repr(only_bad("user", firstname="\0"))


@pytest.mark.parametrize(
    ("table", "column", "held"),
    [
        ("company_users", "suspended", Held(userids={LEARNER}, courseids=set(), companyids=set())),
        ("course_completions", "timestarted", Held(userids={LEARNER}, courseids=set(), companyids=set())),
        ("enrol", "status", Held(userids=set(), courseids={COURSE}, companyids=set())),
        ("company_course", "companyid", Held(userids=set(), courseids={COURSE}, companyids=set())),
        ("company", "suspended", Held(userids=set(), courseids=set(), companyids={COMPANY})),
    ],
)
def test_held_is_the_learner_else_the_course_else_the_company(table: str, column: str, held: Held) -> None:
    assert inspect(snapshot_with(table, {**GOOD[table], column: -1})).held == held


ROWS = make_report(
    make_report_row(),
    make_report_row(userid=LEARNER + 1),
    make_report_row(courseid=COURSE + 1),
    make_report_row(companyid=COMPANY + 1),
)


@pytest.mark.parametrize(
    ("held", "released"),
    [
        (Held(), 4),
        (Held(userids={LEARNER}), 1),
        (Held(courseids={COURSE + 1}), 3),
        (Held(companyids={COMPANY}), 1),
        (Held(userids={LEARNER + 1}, courseids={COURSE + 1}), 2),
        (Held(userids={LEARNER, LEARNER + 1}), 0),
        (Held(userids={7}, courseids={7}, companyids={7}), 4),
    ],
)
def test_rows_that_hang_on_anything_held_are_not_released(held: Held, released: int) -> None:
    assert held.release(ROWS).height == released


def spoil(snapshot: Snapshot, table: str, index: int, column: str, value: object) -> Snapshot:
    rows = snapshot[table].to_dicts()
    rows[index][column] = value
    return {**snapshot, table: pl.DataFrame(rows, schema=SNAPSHOT_COLUMNS[table], orient="row")}


HAS_NO_ID = {("enrol", "courseid"), ("course_modules", "course"), ("iomad_courses", "courseid")}
"""With these unreadable a record names neither a learner nor a course nor a company; see the tests below."""
OWN_IDS = {(table, "id") for table in ("user", "course", "company")} | {
    (table, "userid") for table in SNAPSHOT_COLUMNS if "userid" in SNAPSHOT_COLUMNS[table]
}
"""Primary keys, and the column by which a range is cut: a reader can't return them unreadable."""
SPOILABLE = sorted((set(NUMBER_COLUMNS) | set(TEXT_COLUMNS)) - OWN_IDS)
NAMING = sorted(set(SPOILABLE) - HAS_NO_ID - {("modules", name) for name in SNAPSHOT_COLUMNS["modules"]})


@settings(max_examples=25)
@given(snapshots(), st.sampled_from(SPOILABLE), st.data())
def test_a_bad_record_changes_no_row_that_does_not_hang_on_it(
    snapshot: Snapshot, spoilt: tuple[str, str], data: st.DataObject
) -> None:
    table, column = spoilt
    assume(not snapshot[table].is_empty())
    index = data.draw(st.integers(0, snapshot[table].height - 1), label="record")
    inspection = inspect(spoil(snapshot, table, index, column, "\0" if spoilt in TEXT_COLUMNS else -1))
    assert len(inspection.bad) == 1
    released = inspection.held.release(reporting_rows(inspection.snapshot, as_of=NOW))
    assert_frame_equal(released, inspection.held.release(reporting_rows(snapshot, as_of=NOW)))


def ids_of(rows: pl.DataFrame) -> set[tuple[int, ...]]:
    return set(rows.select(KEY).rows())


@settings(max_examples=12)
@given(snapshots(), st.sampled_from(NAMING), st.data())
def test_what_is_held_shares_an_id_with_the_bad_record(
    snapshot: Snapshot, spoilt: tuple[str, str], data: st.DataObject
) -> None:
    table, column = spoilt
    assume(not snapshot[table].is_empty())
    index = data.draw(st.integers(0, snapshot[table].height - 1), label="record")
    inspection = inspect(spoil(snapshot, table, index, column, "\0" if spoilt in TEXT_COLUMNS else -1))
    rows, (record,) = reporting_rows(snapshot, as_of=NOW), inspection.bad
    for companyid, userid, courseid in ids_of(rows) - ids_of(inspection.held.release(rows)):
        assert record.userid == userid or record.courseid == courseid or record.companyid == companyid


HALF_DONE: dict[str, list[Row]] = {
    "course_modules": [make_module(), make_module(id=MODULE + 1)],
    "course_modules_completion": [make_module_completion()],
}
NAMELESS: dict[str, tuple[dict[str, list[Row]], dict[str, list[Row]]]] = {
    "the enrolments by a way whose course is unreadable": (
        {"enrol": [make_enrol()]},
        {"enrol": [make_enrol(courseid=-1)]},
    ),
    "the percentage of a course with a module whose course is unreadable": (
        HALF_DONE,
        {**HALF_DONE, "course_modules": [make_module(), make_module(id=MODULE + 1, course=-1)]},
    ),
    "the rows of an open-shared course whose id is unreadable": (
        {"company_course": [], "iomad_courses": [{"courseid": COURSE, "shared": 1}]},
        {"company_course": [], "iomad_courses": [{"courseid": -1, "shared": 1}]},
    ),
    "the percentage of a course with a module of a type whose switch is unreadable": (
        {**HALF_DONE, "modules": [{"id": MODULE_TYPE, "visible": 0}]},
        {**HALF_DONE, "modules": [{"id": MODULE_TYPE, "visible": -1}]},
    ),
}
"""What stays as it is: Moodle before and after one record went bad."""


@pytest.mark.parametrize(("good", "spoilt"), NAMELESS.values(), ids=NAMELESS.keys())
def test_a_bad_record_that_names_no_learner_course_or_company_does_not_change(
    good: dict[str, list[Row]], spoilt: dict[str, list[Row]]
) -> None:
    before = reporting_rows(make_snapshot(**good), as_of=NOW)
    assert before.height == 1
    inspection = inspect(make_snapshot(**spoilt))
    assert len(inspection.bad) == 1
    after = reporting_rows(inspection.snapshot, as_of=NOW)
    assert_frame_equal(inspection.held.release(after), inspection.held.release(before))
