"""Bad data never fails a row or a page: it is refused, booked, counted, and holds back only what hangs on it."""

from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import URL

from alx_core.store.tables import sync_errors, sync_runs
from support.pipeline import MakePipeline, Pipeline
from support.site import live_rows

MS = 1_795_474_552_000

BAD = {
    "a time in milliseconds": (
        f"UPDATE mdl_course_completions SET timecompleted = {MS} WHERE userid = 3 AND course = 2",
        ("course_completions", "timecompleted", "time_out_of_range", 3),
    ),
    "a word where a time belongs": (
        "UPDATE mdl_user_enrolments SET timestart = 'soon' WHERE userid = 3",
        ("user_enrolments", "timestart", "not_a_number", 3),
    ),
    "a negative time": (
        "UPDATE mdl_course_modules_completion SET timemodified = -5 WHERE userid = 3",
        ("course_modules_completion", "timemodified", "not_a_number", 3),
    ),
    "a word where an enrolment's status belongs": (
        "UPDATE mdl_user_enrolments SET status = 'active' WHERE userid = 3",
        ("user_enrolments", "status", "not_a_number", 3),
    ),
    "an activity's state below zero": (
        "UPDATE mdl_course_modules_completion SET completionstate = -1 WHERE userid = 3",
        ("course_modules_completion", "completionstate", "not_a_number", 3),
    ),
    "a NUL in a name": (
        "UPDATE mdl_user SET firstname = 'Anna' || char(0) || 'Maria' WHERE id = 3",
        ("user", "firstname", "nul_in_text", 3),
    ),
}


@pytest.fixture
def pipeline(site_copy: Path, reporting_url: URL, make_pipeline: MakePipeline) -> Pipeline:
    made = make_pipeline(URL.create("sqlite", database=str(site_copy)), reporting_url)
    made.sync()
    made.now += 3600
    return made


def rows(pipeline: Pipeline) -> dict:
    with pipeline.reporting.connect() as connection:
        return live_rows(connection)


@pytest.mark.parametrize("what", BAD)
def test_a_bad_record_is_booked_and_holds_back_its_learner_alone(pipeline: Pipeline, what: str) -> None:
    before = rows(pipeline)
    statement, (table, column, reason, userid) = BAD[what]
    pipeline.edit(statement, "UPDATE mdl_user SET lastname = 'Changed' WHERE id IN (3, 6)")
    run = pipeline.sync()
    after = rows(pipeline)
    assert {key: row for key, row in after.items() if key[1] == userid} == {
        key: row for key, row in before.items() if key[1] == userid
    }
    assert {row["lastname"] for key, row in after.items() if key[1] == 6} == {"Changed"}
    assert run.errors > 0
    assert 0 < run.error_rate < 0.05
    with pipeline.reporting.connect() as connection:
        booked = connection.execute(select(sync_errors)).mappings().all()
        status = connection.execute(select(sync_runs.c.status, sync_runs.c.errors).order_by(sync_runs.c.id)).all()[-1]
    assert {(row["source_table"], row["source_column"], row["reason"], row["userid"]) for row in booked} == {
        (table, column, reason, userid)
    }
    assert tuple(status) == ("succeeded", run.errors)


def test_a_mended_record_is_taken_up_by_the_next_sync(pipeline: Pipeline) -> None:
    pipeline.edit(f"UPDATE mdl_course_completions SET timecompleted = {MS} WHERE userid = 3")
    pipeline.sync()
    pipeline.edit("UPDATE mdl_course_completions SET timecompleted = 1795000000 WHERE userid = 3")
    pipeline.now += 3600
    assert pipeline.sync().errors == 0
    assert {row["timecompleted"] for key, row in rows(pipeline).items() if key[1] == 3 and key[2] == 2} == {1795000000}


def test_invalid_utf8_in_the_first_row_of_a_table_does_not_stop_a_sync_either(pipeline: Pipeline) -> None:
    before = rows(pipeline)
    pipeline.edit(
        "UPDATE mdl_company SET shortname = CAST(x'ff41' AS TEXT) WHERE id = 1",
        "UPDATE mdl_user SET username = CAST(x'ff41' AS TEXT) WHERE id = 1",
    )
    result = pipeline.sync()
    assert not result.failed
    assert rows(pipeline) == before


def test_invalid_utf8_does_not_stop_a_sync(pipeline: Pipeline) -> None:
    pipeline.edit("UPDATE mdl_user SET firstname = CAST(x'41ff42' AS TEXT) WHERE id = 3")
    assert pipeline.sync().failed == {}


def test_names_are_kept_byte_for_byte(pipeline: Pipeline) -> None:
    awkward = "  <b>'\"\\N\\n,;\t\u202eמ🚀&amp;\r\n{mlang} "
    with pipeline.moodle.begin() as connection:
        connection.execute(text("UPDATE mdl_user SET firstname = :name, email = '' WHERE id = 3"), {"name": awkward})
    pipeline.sync()
    assert {(row["firstname"], row["email"]) for key, row in rows(pipeline).items() if key[1] == 3} == {(awkward, "")}


@pytest.mark.parametrize("number", [2**31, 2**58, 2**62, 2**63 - 1])
def test_an_id_as_large_as_they_get_takes_nobody_elses_rows(pipeline: Pipeline, number: int) -> None:
    before = rows(pipeline)
    pipeline.edit(f"UPDATE mdl_user SET id = {number} WHERE id = 2")  # the administrator, who is in no company
    assert pipeline.sync().errors == 0
    assert rows(pipeline) == before
