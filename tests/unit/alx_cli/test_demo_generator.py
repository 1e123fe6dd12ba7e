"""The demo site as a file: the same each time, whole or not at all, and lively until now."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from alx_cli.demo.generator import MIN_LEARNERS, DemoSummary, build_demo_moodle, demo_tables
from alx_cli.demo.moodle_schema import create_moodle, insert_rows, moodle_metadata

NOW = 1_795_530_000  # 2026-11-24 14:20 UTC, a Tuesday
SATURDAY_NIGHT = 1_795_308_000  # 2026-11-22 00:40 UTC
DAY_S, HOUR_S = 86_400, 3_600
LEARNERS = 600


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoSummary]:
    path = tmp_path_factory.mktemp("demo") / "moodle.sqlite"
    return path, build_demo_moodle(path, learners=LEARNERS, now=NOW)


@pytest.fixture
def database(site: tuple[Path, DemoSummary]) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(site[0])) as connection:
        yield connection


def number(database: sqlite3.Connection, sql: str, **values: int) -> Any:
    return database.execute(sql, values).fetchone()[0]


def everything(**arguments: int) -> dict[str, tuple[list[str], list[tuple[Any, ...]]]]:
    return {name: (columns, list(rows)) for name, columns, rows in demo_tables(**arguments)}


def test_the_same_arguments_make_the_same_site() -> None:
    assert everything(learners=150, now=NOW, seed=3) == everything(learners=150, now=NOW, seed=3)


def test_another_seed_makes_another_site() -> None:
    assert everything(learners=150, now=NOW, seed=3)["user"] != everything(learners=150, now=NOW, seed=4)["user"]


def test_the_same_arguments_make_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        build_demo_moodle(tmp_path / name, learners=150, now=NOW)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_file_has_exactly_moodles_schema(database: sqlite3.Connection, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/empty.sqlite", poolclass=NullPool)
    create_moodle(engine)
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
    with closing(sqlite3.connect(tmp_path / "empty.sqlite")) as empty:
        assert database.execute(query).fetchall() == empty.execute(query).fetchall()


def test_every_table_of_moodle_has_rows(database: sqlite3.Connection) -> None:
    for table in moodle_metadata().tables:
        assert number(database, f"SELECT count(*) FROM {table}") > 0, table


def test_the_summary_counts_what_is_there(site: tuple[Path, DemoSummary], database: sqlite3.Connection) -> None:
    summary = site[1]
    assert summary.learners == LEARNERS
    assert summary.companies == number(database, "SELECT count(*) FROM mdl_company") == 14
    assert summary.courses == number(database, "SELECT count(*) FROM mdl_course WHERE category > 0")
    assert summary.enrolments == number(database, "SELECT count(*) FROM mdl_user_enrolments")
    assert summary.completions == number(database, "SELECT count(*) FROM mdl_course_modules_completion")
    assert 6 * LEARNERS < summary.enrolments < 10 * LEARNERS


def test_activity_lies_within_the_last_90_days(database: sqlite3.Connection) -> None:
    for table, column in (
        ("course_modules_completion", "timemodified"),
        ("course_completions", "timecompleted"),
        ("course_completion_crit_compl", "timecompleted"),
    ):
        sql = f"SELECT min({column}), max({column}) FROM mdl_{table} WHERE {column} > 0"
        first, last = database.execute(sql).fetchone()
        assert NOW - 90 * DAY_S <= first < NOW - 80 * DAY_S
        assert NOW - DAY_S < last <= NOW


def test_nothing_happened_after_now(database: sqlite3.Connection) -> None:
    for table, column in (
        ("user", "timecreated"),
        ("user", "timemodified"),
        ("user", "lastaccess"),
        ("course", "timemodified"),
        ("course_modules", "added"),
        ("course_completions", "timestarted"),
        ("user_enrolments", "timecreated"),
        ("user_enrolments", "timemodified"),
    ):
        assert number(database, f"SELECT max({column}) FROM mdl_{table}") <= NOW, (table, column)


@pytest.mark.parametrize("now", [NOW, SATURDAY_NIGHT])
def test_somebody_learnt_in_the_last_three_hours(now: int) -> None:
    columns, rows = everything(learners=MIN_LEARNERS, now=now)["course_modules_completion"]
    at = columns.index("timemodified")
    assert sum(row[at] > now - 3 * HOUR_S for row in rows) >= 4


def test_weekends_and_nights_are_quiet(database: sqlite3.Connection) -> None:
    shares = "SELECT 1.0 * sum({}) / count(*) FROM mdl_course_modules_completion"
    weekend = "strftime('%w', timemodified, 'unixepoch') IN ('0', '6')"
    assert 0 < number(database, shares.format(weekend)) < 0.08
    european = " WHERE userid IN (SELECT userid FROM mdl_company_users WHERE companyid IN (1, 2))"
    night = "strftime('%H', timemodified, 'unixepoch') IN ('22', '23', '00', '01', '02', '03', '04')"
    assert number(database, shares.format(night) + european) < 0.1


def test_nobody_completed_a_module_before_being_enrolled(database: sqlite3.Connection) -> None:
    early = """
        SELECT count(*) FROM mdl_course_modules_completion c
        JOIN mdl_course_modules m ON m.id = c.coursemoduleid
        JOIN mdl_enrol e ON e.courseid = m.course
        JOIN mdl_user_enrolments ue ON ue.enrolid = e.id AND ue.userid = c.userid
        WHERE c.timemodified < ue.timecreated
    """
    assert number(database, early) == 0


def test_a_completed_course_has_its_last_module_done_at_that_time(database: sqlite3.Connection) -> None:
    unlike = """
        SELECT count(*) FROM mdl_course_completion_crit_compl cc
        JOIN mdl_course_completion_criteria k ON k.id = cc.criteriaid AND k.criteriatype = 4
        LEFT JOIN mdl_course_modules_completion c
          ON c.coursemoduleid = k.moduleinstance AND c.userid = cc.userid AND c.completionstate IN (1, 2)
        LEFT JOIN mdl_course_completions whole ON whole.userid = cc.userid AND whole.course = cc.course
        WHERE c.timemodified IS NOT cc.timecompleted OR whole.timecompleted IS NOT cc.timecompleted
    """
    assert number(database, unlike) == 0


def test_every_key_points_at_a_row(database: sqlite3.Connection) -> None:
    for table, column, target in (
        ("course_modules", "course", "course"),
        ("course_modules", "module", "modules"),
        ("course_modules_completion", "coursemoduleid", "course_modules"),
        ("course_modules_completion", "userid", "user"),
        ("course_completions", "userid", "user"),
        ("course_completions", "course", "course"),
        ("enrol", "courseid", "course"),
        ("user_enrolments", "enrolid", "enrol"),
        ("user_enrolments", "userid", "user"),
        ("company_users", "userid", "user"),
        ("company_users", "companyid", "company"),
        ("company_users", "departmentid", "department"),
        ("company_course", "courseid", "course"),
        ("company_shared_courses", "courseid", "course"),
        ("iomad_courses", "courseid", "course"),
        ("department", "company", "company"),
        ("external_tokens", "userid", "user"),
        ("external_tokens", "externalserviceid", "external_services"),
    ):
        dangling = f"SELECT count(*) FROM mdl_{table} WHERE {column} NOT IN (SELECT id FROM mdl_{target})"
        assert number(database, dangling) == 0, (table, column)


def test_texts_fit_moodles_columns() -> None:
    tables = moodle_metadata().tables
    for name, (columns, rows) in everything(learners=LEARNERS, now=NOW).items():
        lengths = [getattr(tables[f"mdl_{name}"].c[column].type, "length", None) for column in columns]
        for row in rows:
            for length, value in zip(lengths, row, strict=True):
                assert length is None or value is None or len(value) <= length, (name, value)


def test_rows_can_be_loaded_elsewhere_in_one_call_a_table(tmp_path: Path, database: sqlite3.Connection) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/other.sqlite", poolclass=NullPool)
    metadata = create_moodle(engine, "x_")
    with engine.begin() as connection:
        for name, columns, rows in demo_tables(learners=LEARNERS, now=NOW):
            insert_rows(connection, metadata.tables[f"x_{name}"], columns, rows)
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as other:
        for name in ("user", "course_completions", "course_modules_completion"):
            wanted = database.execute(f"SELECT * FROM mdl_{name} ORDER BY id").fetchall()
            assert other.execute(f"SELECT * FROM x_{name} ORDER BY id").fetchall() == wanted


def test_progress_is_told_table_by_table_up_to_the_last_row(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    summary = build_demo_moodle(
        tmp_path / "moodle.sqlite", learners=LEARNERS, now=NOW, on_progress=lambda *step: told.append(step)
    )
    completions = [(done, total) for table, done, total in told if table == "course_modules_completion"]
    assert completions[-1] == (summary.completions, summary.completions)
    assert all(before[0] < after[0] for before, after in pairwise(completions))


def stop_halfway(table: str, _done: int, _total: int) -> None:
    if table == "user":
        raise KeyboardInterrupt


def test_a_build_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_demo_moodle(tmp_path / "moodle.sqlite", learners=LEARNERS, now=NOW, on_progress=stop_halfway)
    assert list(tmp_path.iterdir()) == []


def test_a_build_that_fails_leaves_the_older_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "moodle.sqlite"
    path.write_bytes(b"older")
    with pytest.raises(KeyboardInterrupt):
        build_demo_moodle(path, learners=LEARNERS, now=NOW, on_progress=stop_halfway)
    assert path.read_bytes() == b"older"


def test_a_killed_build_leaves_no_file_and_the_next_one_works(tmp_path: Path) -> None:
    path = tmp_path / "moodle.sqlite"
    killed = f"""
import os, signal
from pathlib import Path
from alx_cli.demo.generator import build_demo_moodle
kill = lambda table, done, total: os.kill(os.getpid(), signal.SIGKILL) if table == "user" else None
build_demo_moodle(Path({str(path)!r}), learners={LEARNERS}, now={NOW}, on_progress=kill)
"""
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -9
    assert not path.exists()
    build_demo_moodle(path, learners=LEARNERS, now=NOW)
    with closing(sqlite3.connect(path)) as connection:
        assert number(connection, "SELECT count(*) FROM mdl_company") == 14


def test_what_a_killed_build_left_is_removed_later_and_a_running_ones_is_not(tmp_path: Path) -> None:
    stale, running = tmp_path / ".moodle.sqlite.1.partial", tmp_path / ".moodle.sqlite.2.partial"
    for path in (stale, running):
        path.write_bytes(b"half")
    os.utime(stale, (0, 0))
    build_demo_moodle(tmp_path / "moodle.sqlite", learners=MIN_LEARNERS, now=NOW)
    assert not stale.exists()
    assert running.exists()


def test_a_site_too_small_for_every_case_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=str(MIN_LEARNERS)):
        build_demo_moodle(tmp_path / "moodle.sqlite", learners=MIN_LEARNERS - 1, now=NOW)
    assert list(tmp_path.iterdir()) == []
