"""Every case that makes a report wrong is in the demo on purpose, a few times at least."""

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alx_cli.demo.generator import MIN_LEARNERS, build_demo_moodle

NOW = 1_795_530_000  # 2026-11-24 14:20 UTC
HOUR_S = 3_600


@pytest.fixture(scope="module", params=[MIN_LEARNERS, 600])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path: Path = tmp_path_factory.mktemp("demo") / "moodle.sqlite"
    build_demo_moodle(path, learners=request.param, now=NOW)
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def fetch(database: sqlite3.Connection, sql: str) -> list[tuple[Any, ...]]:
    return database.execute(sql, {"now": NOW}).fetchall() if ":now" in sql else database.execute(sql).fetchall()


PAIRS = "mdl_user_enrolments ue JOIN mdl_enrol e ON e.id = ue.enrolid"
DONE = "mdl_course_modules_completion c JOIN mdl_course_modules m ON m.id = c.coursemoduleid"
MEMBERS = "SELECT userid, companyid, count(*) n, sum(suspended) s FROM mdl_company_users GROUP BY userid, companyid"

CASES = {
    "users in two companies": (
        f"SELECT userid FROM ({MEMBERS}) GROUP BY userid HAVING count(*) = 2"
    ),
    "two departments in one company": f"SELECT userid FROM ({MEMBERS}) WHERE n = 2 AND s = 0",
    "suspended in one of two departments": f"SELECT userid FROM ({MEMBERS}) WHERE n = 2 AND s = 1",
    "suspended in both departments": f"SELECT userid FROM ({MEMBERS}) WHERE n = 2 AND s = 2",
    "suspended in their only company": (
        f"SELECT userid FROM ({MEMBERS}) GROUP BY userid HAVING count(*) = 1 AND sum(n) = 1 AND sum(s) = 1"
    ),
    "suspended in one of two companies": (
        f"SELECT userid FROM ({MEMBERS}) GROUP BY userid HAVING count(*) = 2 AND sum(s) = 1"
    ),
    "suspended users": "SELECT id FROM mdl_user WHERE suspended = 1 AND deleted = 0",
    "deleted users with completions": (
        "SELECT id FROM mdl_user WHERE deleted = 1 AND id IN (SELECT userid FROM mdl_course_modules_completion)"
    ),
    "suspended enrolments": f"SELECT ue.id FROM {PAIRS} WHERE ue.status = 1",
    "expired enrolments": f"SELECT ue.id FROM {PAIRS} WHERE ue.timeend > 0 AND ue.timeend < :now",
    "future enrolments": f"SELECT ue.id FROM {PAIRS} WHERE ue.timestart > :now",
    "enrolments that expire within hours": (
        f"SELECT ue.id FROM {PAIRS} WHERE ue.status = 0 AND e.status = 0 AND ue.timestart <= :now "
        f"AND ue.timeend BETWEEN :now + 1 AND :now + {6 * HOUR_S}"
    ),
    "enrolments that begin within hours": (
        f"SELECT id FROM mdl_user_enrolments WHERE timestart - :now BETWEEN 1 AND {6 * HOUR_S}"
    ),
    "enrolments without a start": "SELECT id FROM mdl_user_enrolments WHERE timestart = 0",
    "enrolments by a disabled instance": f"SELECT ue.id FROM {PAIRS} WHERE e.status = 1",
    "two enrolments in one course": f"SELECT 1 FROM {PAIRS} GROUP BY ue.userid, e.courseid HAVING count(*) = 2",
    "active by the second enrolment only": (
        f"SELECT 1 FROM {PAIRS} GROUP BY ue.userid, e.courseid HAVING sum(ue.status) = 1 AND count(*) = 2"
    ),
    "enrolments by licence": f"SELECT ue.id FROM {PAIRS} WHERE e.enrol = 'license' AND ue.timeend > 0",
    "enrolled in a course of no company": (
        f"SELECT ue.id FROM {PAIRS} WHERE e.courseid NOT IN (SELECT courseid FROM mdl_company_course) "
        "AND e.courseid NOT IN (SELECT courseid FROM mdl_iomad_courses)"
    ),
    "progress in a hidden course": f"SELECT 1 FROM {DONE} JOIN mdl_course k ON k.id = m.course WHERE k.visible = 0",
    "progress in a course with completion off": (
        f"SELECT 1 FROM {DONE} JOIN mdl_course k ON k.id = m.course WHERE k.enablecompletion = 0 AND k.category > 0"
    ),
    "enrolled where nothing is tracked": (
        f"SELECT ue.id FROM {PAIRS} "
        "WHERE e.courseid NOT IN (SELECT course FROM mdl_course_modules WHERE completion > 0)"
    ),
    "completed where nothing is tracked": (
        "SELECT id FROM mdl_course_completions WHERE timecompleted > 0 "
        "AND course NOT IN (SELECT course FROM mdl_course_modules WHERE completion > 0)"
    ),
    "completions of a module being deleted": f"SELECT c.id FROM {DONE} WHERE m.deletioninprogress = 1",
    "completions of a hidden module": f"SELECT c.id FROM {DONE} WHERE m.visible = 0 AND m.completion > 0",
    "completions of an untracked module": f"SELECT c.id FROM {DONE} WHERE m.completion = 0",
    "completions given by somebody else": "SELECT id FROM mdl_course_modules_completion WHERE overrideby IS NOT NULL",
    "progress left by the unenrolled": (
        f"SELECT c.userid, m.course FROM {DONE} JOIN mdl_user u ON u.id = c.userid AND u.deleted = 0 "
        f"EXCEPT SELECT ue.userid, e.courseid FROM {PAIRS}"
    ),
    "no course_completions": (
        f"SELECT ue.userid, e.courseid FROM {PAIRS} WHERE e.courseid IN (SELECT course FROM mdl_course_completions) "
        "EXCEPT SELECT userid, course FROM mdl_course_completions"
    ),
    "completed with timestarted 0": "SELECT id FROM mdl_course_completions WHERE timestarted = 0 AND timecompleted > 0",
    "timeenrolled 0": "SELECT id FROM mdl_course_completions WHERE timeenrolled = 0",
    "course complete, modules not": (
        "SELECT cc.id FROM mdl_course_completions cc WHERE cc.timecompleted > 0 AND EXISTS (SELECT 1 FROM "
        "mdl_course_modules m WHERE m.course = cc.course AND m.completion > 0 AND m.id NOT IN (SELECT coursemoduleid "
        "FROM mdl_course_modules_completion c WHERE c.userid = cc.userid))"
    ),
    "invalid e-mails": "SELECT id FROM mdl_user WHERE email NOT LIKE '%_@_%._%' AND deleted = 0 AND id > 2",
    "names with commas": "SELECT id FROM mdl_user WHERE lastname LIKE '%,%'",
    "names with quotes": "SELECT id FROM mdl_user WHERE lastname LIKE '%\"%' OR lastname LIKE '%''%'",
    "names with emoji": "SELECT id FROM mdl_user WHERE firstname GLOB '*[🌀-🟿]*' OR lastname GLOB '*[🌀-🟿]*'",
    "names from right to left": "SELECT id FROM mdl_user WHERE firstname GLOB '*[א-ת]*' OR firstname GLOB '*[ب-ي]*'",
    "names of full length": "SELECT id FROM mdl_user WHERE length(firstname) = 100 AND length(lastname) = 100",
}  # fmt: skip

ONCE_IS_ENOUGH = re.compile("names|given by somebody else")
"""On a site of MIN_LEARNERS; larger ones have more."""


@pytest.mark.parametrize("case", CASES)
def test_the_demo_has(database: sqlite3.Connection, case: str) -> None:
    assert len(fetch(database, CASES[case])) >= (1 if ONCE_IS_ENOUGH.search(case) else 3)


COURSES = {
    "hidden": "visible = 0",
    "completion off": "enablecompletion = 0 AND category > 0",
    "nothing tracked": "category > 0 AND id NOT IN (SELECT course FROM mdl_course_modules WHERE completion > 0)",
    "open-shared": "id IN (SELECT courseid FROM mdl_iomad_courses WHERE shared = 1)",
    "shared with some": (
        "id IN (SELECT courseid FROM mdl_iomad_courses WHERE shared = 2) "
        "AND id IN (SELECT courseid FROM mdl_company_shared_courses)"
    ),
    "shared, and unknown to IOMAD": (
        "id IN (SELECT courseid FROM mdl_company_shared_courses) AND id NOT IN (SELECT courseid FROM mdl_iomad_courses)"
    ),
    "twice in company_course": (
        "id IN (SELECT courseid FROM mdl_company_course GROUP BY companyid, courseid HAVING count(*) = 2)"
    ),
    "manual enrolment disabled": "id IN (SELECT courseid FROM mdl_enrol WHERE enrol = 'manual' AND status = 1)",
    "reset": (
        f"id IN (SELECT e.courseid FROM {PAIRS}) AND id NOT IN (SELECT m.course FROM {DONE}) "
        "AND id NOT IN (SELECT course FROM mdl_course_completions) AND enablecompletion = 1"
    ),
    "an entity": "fullname LIKE '%&amp;%'",
    "multi-language tags": "fullname LIKE '%<span lang=%class=\"multilang\">%'",
    "quotes and a comma": "fullname LIKE '%\"%,%\"%'",
    "an apostrophe": "fullname LIKE '%''%'",
    "emoji": "fullname GLOB '*[🌀-🟿]*'",
    "right to left": "fullname GLOB '*[א-ת]*' OR fullname GLOB '*[ب-ي]*'",
    "full length": "length(fullname) = 254",
}


@pytest.mark.parametrize("kind", COURSES)
def test_the_demo_has_a_course(database: sqlite3.Connection, kind: str) -> None:
    assert fetch(database, f"SELECT id FROM mdl_course WHERE {COURSES[kind]}")


def test_the_site_course_is_the_one_in_category_0(database: sqlite3.Connection) -> None:
    assert fetch(database, "SELECT id FROM mdl_course WHERE category = 0") == [(1,)]
    assert len(fetch(database, "SELECT id FROM mdl_course")) == 61


def test_all_four_completion_states_occur(database: sqlite3.Connection) -> None:
    found = fetch(database, "SELECT completionstate, count(*) FROM mdl_course_modules_completion GROUP BY 1")
    assert [state for state, _ in found] == [0, 1, 2, 3]
    assert min(count for _, count in found) >= 3


def test_guest_and_admin_are_users_1_and_2(database: sqlite3.Connection) -> None:
    assert fetch(database, "SELECT username FROM mdl_user WHERE id < 3 ORDER BY id") == [("guest",), ("admin",)]


def test_a_deleted_user_is_mangled_as_moodle_does_it(database: sqlite3.Connection) -> None:
    deleted = fetch(database, "SELECT id, username, email, timemodified FROM mdl_user WHERE deleted = 1")
    assert len(deleted) >= 4
    for userid, username, email, timemodified in deleted:
        found = re.fullmatch(r"(?P<login>[a-z]+\.[a-z]+\d*)@[a-z]+\.example\.(?P<at>\d+)", username)
        assert found is not None
        assert int(found["at"]) == timemodified
        assert email == hashlib.md5(found["login"].encode(), usedforsecurity=False).hexdigest()
        for table in ("user_enrolments", "company_users"):
            assert not fetch(database, f"SELECT id FROM mdl_{table} WHERE userid = {userid}")


def test_the_companies_names_are_as_awkward_as_real_ones(database: sqlite3.Connection) -> None:
    names = {name for (name,) in fetch(database, "SELECT name FROM mdl_company")}
    assert "<script>alert(1)</script> GmbH" in names
    assert 'Sullivan & O\'Neil "Fine Foods" Ltd' in names
    assert "東京みらい製作所 🏭" in names


def test_one_company_has_no_learners_and_one_no_courses(database: sqlite3.Connection) -> None:
    empty = """
        SELECT c.shortname FROM mdl_company c
        WHERE NOT EXISTS (SELECT 1 FROM mdl_company_users cu JOIN mdl_user u ON u.id = cu.userid
                          WHERE cu.companyid = c.id AND u.username NOT LIKE 'svc%')
    """
    assert fetch(database, empty) == [("nousers",)]
    without = "SELECT shortname FROM mdl_company WHERE id NOT IN (SELECT companyid FROM mdl_company_course)"
    assert fetch(database, without) == [("nocourses",)]
    members = (
        f"SELECT ue.id FROM {PAIRS} WHERE ue.userid IN (SELECT userid FROM mdl_company_users WHERE companyid = 14)"
    )
    assert fetch(database, members)


def test_the_other_companies_have_8_to_25_courses(database: sqlite3.Connection) -> None:
    counts = fetch(
        database,
        """
        SELECT c.id, (SELECT count(*) FROM mdl_iomad_courses i WHERE i.shared = 1
            OR i.courseid IN (SELECT courseid FROM mdl_company_course WHERE companyid = c.id)
            OR i.courseid IN (SELECT courseid FROM mdl_company_shared_courses WHERE companyid = c.id))
        FROM mdl_company c WHERE c.id <= 12
        """,
    )
    assert len(counts) == 12
    assert all(8 <= count <= 25 for _, count in counts)


def test_sizes_are_skewed(database: sqlite3.Connection) -> None:
    sizes = [
        size
        for (size,) in fetch(database, f"SELECT count(*) FROM ({MEMBERS}) WHERE companyid <= 12 GROUP BY companyid")
    ]
    total = sum(sizes)
    assert 0.25 < max(sizes) / total < 0.38
    assert min(sizes) / total < 0.05


def test_courses_have_5_to_15_tracked_modules(database: sqlite3.Connection) -> None:
    counts = fetch(
        database, "SELECT sum(completion > 0 AND deletioninprogress = 0) FROM mdl_course_modules GROUP BY course"
    )
    assert {0} < {count for (count,) in counts} <= {0, *range(5, 16)}


def test_each_company_has_one_token_whose_owner_is_a_member(database: sqlite3.Connection) -> None:
    tokens = fetch(
        database,
        """
        SELECT cu.companyid, t.token FROM mdl_external_tokens t
        JOIN mdl_external_services s ON s.id = t.externalserviceid AND s.shortname = 'alx_report_api_custom'
        JOIN mdl_user u ON u.id = t.userid AND u.deleted = 0 AND u.suspended = 0
        JOIN mdl_company_users cu ON cu.userid = u.id AND cu.suspended = 0
        ORDER BY cu.companyid
        """,
    )
    assert [companyid for companyid, _ in tokens] == list(range(1, 15))
    assert all(re.fullmatch("[0-9a-f]{32}", token) for _, token in tokens)
    assert len({token for _, token in tokens}) == 14
