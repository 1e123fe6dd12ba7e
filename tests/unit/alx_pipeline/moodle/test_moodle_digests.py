"""Digests of learner ranges: the same as long as nothing changed, another one whatever changed."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from types import ModuleType

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, delete, insert, text, update
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import MetaData

from alx_core.domain.bad_records import LAST_TIME
from alx_core.domain.course_rows import CourseRows
from alx_core.domain.learners import Layout
from alx_core.domain.progress import LEARNER_TABLES, SNAPSHOT_COLUMNS, Snapshot
from alx_core.services.sync.source import merge_texts
from alx_pipeline.moodle.digests import _grouped, ask_digests, can_digest
from alx_pipeline.moodle.queries import Ids, MoodleTables
from alx_pipeline.moodle.source import MoodleSource, open_source
from support.builders import (
    LEARNER,
    Row,
    by_table,
    load_moodle,
    make_company_user,
    make_course_completion,
    make_many_learners,
    make_module_completion,
    make_snapshot,
    make_user,
    make_user_enrolment,
    rows_about,
)
from support.databases import scratch_database
from support.ranges import Digest, digests_by_index, snapshot_digest

pytestmark = pytest.mark.slow

TABLES = MoodleTables("mdl_", has_modules=True)
LAYOUT = Layout(width=LEARNER, count=3)
"""Range 1 holds the learners of the site, ranges 0 and 2 nobody."""
OTHER = 2 * LEARNER
"""A learner of range 2."""

Digests = dict[int, Digest]

HOSTILE = (
    *("", "-", "|", "-|", "1|a", "a ", "A", "\u00e9", "e\u0301", "\u540d\u524d", "\U0001f393"),
    *("a\\b'c\"d%s:e", "\t\r\n"),
)


class Moodle:
    """A Moodle on a server, asked over `workers` connections at a time, and put back after each test."""

    def __init__(self, engine: Engine, metadata: MetaData, source: MoodleSource, workers: int) -> None:
        self.engine = engine
        self.workers = workers
        self.metadata = metadata
        self.source = source

    def digests(self) -> Digests:
        return digests_by_index(ask_digests(self.engine, TABLES, LAYOUT, workers=self.workers).whole)

    def edit(self, change: Callable[[Connection], object]) -> None:
        with self.engine.begin() as connection:
            change(connection)

    def set(self, table: str, **values: object) -> None:
        """Change the one row, or one of the rows, that learner LEARNER has in a table."""
        described = self.metadata.tables[f"mdl_{table}"]
        learner = described.c.id if table == "user" else described.c.userid
        self.edit(lambda connection: connection.execute(update(described).where(learner == LEARNER).values(values)))

    def insert(self, table: str, **row: object) -> None:
        self.edit(lambda connection: connection.execute(insert(self.metadata.tables[f"mdl_{table}"]).values(row)))

    def refill(self, snapshot: Snapshot) -> None:
        """Give the learners' tables these rows; no test changes another table."""
        with self.engine.begin() as connection:
            for name in LEARNER_TABLES:
                table = self.metadata.tables[f"mdl_{name}"]
                connection.execute(delete(table))
                if rows := snapshot[name].to_dicts():
                    connection.execute(insert(table), rows)


def learner_rows(userid: int) -> dict[str, list[Row]]:
    return {
        "course_modules_completion": [make_module_completion(userid=userid)],
        "course_completions": [make_course_completion(userid=userid)],
    }


SITE = make_snapshot(**make_many_learners(2), **learner_rows(LEARNER))


@pytest.fixture(scope="module", params=[("postgresql", 3), ("mysql", 1), ("mysql", 3)])
def server(request: pytest.FixtureRequest) -> Iterator[Moodle]:
    kind, workers = request.param
    with scratch_database(kind) as url:
        engine = create_engine(url)
        metadata = load_moodle(engine, SITE)
        with closing(open_source(url, "mdl_", workers=workers)) as source:
            yield Moodle(engine, metadata, source, workers)
        engine.dispose()


@pytest.fixture
def moodle(server: Moodle) -> Iterator[Moodle]:
    yield server
    server.refill(SITE)


def changed(before: Digests, after: Digests) -> set[int]:
    assert before.keys() == after.keys()
    return {index for index in before if before[index] != after[index]}


def test_every_range_has_a_digest_the_empty_ones_too_and_they_stay_the_same(moodle: Moodle) -> None:
    before = moodle.digests()
    assert before.keys() == {0, 1, 2}
    assert before[1] not in (before[0], before[2])
    assert moodle.digests() == before


LEARNER_COLUMNS = [(table, column) for table in LEARNER_TABLES for column in SNAPSHOT_COLUMNS[table]]
KEYS = {("user", "id"), *((table, "userid") for table in LEARNER_TABLES)}
SELECTED_BY = {("user_enrolments", "status"), ("course_modules_completion", "completionstate")}


@pytest.mark.parametrize(("table", "column"), [each for each in LEARNER_COLUMNS if each not in KEYS])
def test_another_value_gives_another_digest_of_its_range_alone(moodle: Moodle, table: str, column: str) -> None:
    before = moodle.digests()
    is_text = SNAPSHOT_COLUMNS[table][column] == pl.String()
    moodle.set(table, **{column: "another" if is_text else 3})
    assert changed(before, moodle.digests()) == {1}


def test_a_number_that_becomes_known_gives_another_digest(moodle: Moodle) -> None:
    before = moodle.digests()
    moodle.set("course_completions", timecompleted=0)
    assert changed(before, moodle.digests()) == {1}


def test_names_that_are_swapped_give_another_digest(moodle: Moodle) -> None:
    before = moodle.digests()
    moodle.set("user", firstname="Byron", lastname="Ada")
    assert changed(before, moodle.digests()) == {1}


def test_names_that_differ_in_case_or_spaces_alone_give_another_digest(moodle: Moodle) -> None:
    digests = [moodle.digests()[1]]
    for name in ("ada", "Ada ", "Àda"):
        moodle.set("user", firstname=name)
        digests.append(moodle.digests()[1])
    assert len(set(digests)) == 4


def test_a_name_that_moves_from_one_column_to_the_next_gives_another_digest(moodle: Moodle) -> None:
    moodle.set("user", firstname="Ada|Augusta", lastname="Byron")
    before = moodle.digests()
    moodle.set("user", firstname="Ada", lastname="Augusta|Byron")
    assert changed(before, moodle.digests()) == {1}


@pytest.mark.parametrize("table", LEARNER_TABLES)
def test_a_row_that_goes_gives_another_digest(moodle: Moodle, table: str) -> None:
    before = moodle.digests()
    learner = "id" if table == "user" else "userid"
    moodle.edit(lambda connection: connection.execute(text(f"DELETE FROM mdl_{table} WHERE {learner} = {LEARNER}")))
    assert changed(before, moodle.digests()) == {1}


def test_a_row_that_comes_gives_another_digest_of_its_range_alone(moodle: Moodle) -> None:
    before = moodle.digests()
    moodle.insert("user", **make_user(id=OTHER))
    assert changed(before, moodle.digests()) == {2}


def test_a_second_row_with_the_same_values_gives_another_digest(moodle: Moodle) -> None:
    before = moodle.digests()
    moodle.insert("company_users", userid=LEARNER, companyid=1, suspended=0)
    assert changed(before, moodle.digests()) == {1}


def test_a_learner_who_moves_to_another_range_changes_both(moodle: Moodle) -> None:
    before = moodle.digests()
    moodle.set("user", id=OTHER)
    assert changed(before, moodle.digests()) == {1, 2}


def test_rows_that_no_rule_looks_at_change_nothing(moodle: Moodle) -> None:
    before = moodle.digests()
    moodle.insert("user_enrolments", **make_user_enrolment(enrolid=7, status=1))
    moodle.insert("course_modules_completion", **make_module_completion(coursemoduleid=7, completionstate=0))
    assert changed(before, moodle.digests()) == set()


def test_the_order_in_which_rows_lie_does_not_matter(moodle: Moodle) -> None:
    before = moodle.digests()
    moodle.edit(lambda connection: connection.execute(text(f"DELETE FROM mdl_user WHERE id = {LEARNER}")))
    moodle.insert("user", **SITE["user"].row(0, named=True))
    assert moodle.digests() == before


def test_a_learner_beyond_the_last_range_belongs_to_it(moodle: Moodle) -> None:
    before = moodle.digests()
    moodle.insert("user", **make_user(id=50 * LEARNER))
    assert changed(before, moodle.digests()) == {2}


@pytest.mark.parametrize(
    ("table", "column", "make"),
    [("user_enrolments", "enrolid", make_user_enrolment), ("company_users", "companyid", make_company_user)],
)
class TestTheRangesOfWhoHasARowWithSomeId:
    """Who is enrolled by an instance, or is in a company."""

    def test_are_found(self, moodle: Moodle, table: str, column: str, make: Callable[..., Row]) -> None:
        for userid, found in ((LEARNER, 7), (OTHER, 7), (50 * LEARNER, 8), (OTHER, 9)):
            moodle.insert(table, **make(**{"userid": userid, column: found}))
        asked = [moodle.source.ranges_with(table, column, ids, LAYOUT) for ids in ([7], [8], [9, 8], [10], [])]
        assert asked == [{1, 2}, {2}, {2}, set(), set()]

    @pytest.mark.parametrize("unreadable", [None, -1])
    def test_are_the_first_for_a_row_of_nobody(
        self, moodle: Moodle, table: str, column: str, make: Callable[..., Row], unreadable: int | None
    ) -> None:
        moodle.insert(table, **make(**{"userid": unreadable, column: 7}))
        assert moodle.source.ranges_with(table, column, [7], LAYOUT) == {0}


def test_sqlite_has_no_fast_hash() -> None:
    engine = create_engine("sqlite://")
    assert not can_digest(engine)
    engine.dispose()


# --- the same by SQL and over the rows that were read ---

IDS = st.integers(0, 2**31 - 1) | st.integers(LEARNER, OTHER)
NUMBERS = IDS | st.integers(0, LAST_TIME) | st.none()
WORDS = (
    st.none() | st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)


def rows_of(table: str) -> st.SearchStrategy[list[Row]]:
    """Any rows of learners, with nothing that Moodle's tables can't hold and the rules would call bad at once."""
    columns = {
        name: WORDS if dtype == pl.String() else NUMBERS if name.startswith("time") else IDS
        for name, dtype in SNAPSHOT_COLUMNS[table].items()
    }
    unique = (lambda row: row["id"]) if table == "user" else None  # the key of the table
    return st.lists(st.fixed_dictionaries(columns), max_size=6, unique_by=unique)


def scanned(source: MoodleSource, index: int, courses: CourseRows | None = None) -> Snapshot:
    batches = list(source.scan([LAYOUT.range_at(index)], courses))
    return {name: merge_texts(name, batches) for name in SNAPSHOT_COLUMNS}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.fixed_dictionaries({table: rows_of(table) for table in LEARNER_TABLES}))
def test_the_database_and_we_work_out_the_same_digest_of_the_same_rows(
    moodle: Moodle, rows: dict[str, list[Row]]
) -> None:
    moodle.refill(make_snapshot(**rows))
    expected = {index: snapshot_digest(scanned(moodle.source, index)) for index in range(LAYOUT.count)}
    assert moodle.digests() == expected


FEW_IDS = st.integers(1, 4)
ABOUT = st.builds(
    CourseRows, *(st.frozensets(FEW_IDS, max_size=3) for _ in ("courseids", "enrolids", "coursemoduleids"))
)
"""Rows about some courses, some of which have no instance or no activity."""


def rows_that_meet(table: str) -> st.SearchStrategy[list[Row]]:
    """Few learners with few ids in their rows."""
    columns = {
        name: st.just("Ada") if dtype == pl.String() else FEW_IDS for name, dtype in SNAPSHOT_COLUMNS[table].items()
    }
    learner = "id" if table == "user" else "userid"
    columns[learner] = st.sampled_from([LEARNER - 1, LEARNER, LEARNER + 1, OTHER])
    unique = (lambda row: row["id"]) if table == "user" else None
    return st.lists(st.fixed_dictionaries(columns), max_size=8, unique_by=unique)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.fixed_dictionaries({table: rows_that_meet(table) for table in LEARNER_TABLES}), courses=ABOUT)
def test_the_rows_about_courses_are_read_alone_and_have_a_digest_of_their_own(
    moodle: Moodle, rows: dict[str, list[Row]], courses: CourseRows
) -> None:
    moodle.refill(make_snapshot(**rows))
    digests = moodle.source.digests(LAYOUT, courses)
    assert digests_by_index(digests.whole) == moodle.digests()
    of_courses = digests_by_index(digests.of_courses)
    for index in range(LAYOUT.count):
        part = scanned(moodle.source, index, courses)
        assert by_table(part) == by_table(rows_about(scanned(moodle.source, index), courses))
        assert of_courses[index] == snapshot_digest(part)


def test_without_courses_there_is_no_digest_of_rows_about_any(moodle: Moodle) -> None:
    assert moodle.source.digests(LAYOUT).of_courses.is_empty()


@pytest.mark.parametrize("server", [("postgresql", 3)], indirect=True)
@pytest.mark.parametrize("table", LEARNER_TABLES)
def test_no_list_of_learners_is_gone_through_for_each_row(moodle: Moodle, table: str) -> None:
    """As PostgreSQL does with the rows of a subquery that it takes to be too many for its memory: for minutes.

    MariaDB looks them up by a key, however many they are.
    """
    courses = CourseRows(frozenset({2}), frozenset({1, 2}), frozenset({3}))
    query = _grouped("postgresql", TABLES, table, Ids(None, None), LAYOUT.width, courses)
    sql = query.compile(moodle.engine, compile_kwargs={"literal_binds": True})
    with moodle.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN {sql}").scalars().all()
    assert "Seq Scan" in str(plan)
    assert "SubPlan" not in str(plan)


@pytest.mark.parametrize(("dialect", "module"), [("postgresql", postgresql), ("mysql", mysql)])
@pytest.mark.parametrize("table", LEARNER_TABLES)
def test_no_digest_needs_a_hash_that_servers_have_given_up(dialect: str, module: ModuleType, table: str) -> None:
    """MySQL from 9.6 on has neither MD5 nor SHA-1, a PostgreSQL whose OpenSSL is in FIPS mode no MD5."""
    sql = str(_grouped(dialect, TABLES, table, Ids(None, None), LAYOUT.width, None).compile(dialect=module.dialect()))
    assert re.findall(r"\b(?:md5|sha1?)\(", sql.lower()) == []
    assert re.findall(r"\bsha(?:2|256)\(", sql.lower()) or table != "user"


def test_a_whole_sites_digests_are_those_of_its_scan(moodle: Moodle) -> None:
    digests = digests_by_index(moodle.source.digests(LAYOUT).whole)
    for index in range(LAYOUT.count):
        assert snapshot_digest(scanned(moodle.source, index)) == digests[index]


@pytest.mark.parametrize(("table", "column"), [("user", "id"), ("user_enrolments", "timeend")])
def test_a_number_too_large_for_the_formula_leaves_no_digest_and_no_error(
    moodle: Moodle, table: str, column: str
) -> None:
    moodle.set(table, **{column: 2**63 - 1})
    assert moodle.digests() == {}
    assert all(each.is_empty() for each in moodle.source.digests(LAYOUT, CourseRows(*[frozenset({1})] * 3)))


def test_an_error_that_is_not_about_a_number_is_told(moodle: Moodle) -> None:
    with pytest.raises(DBAPIError, match="nowhere_user"):
        ask_digests(moodle.engine, MoodleTables("nowhere_", has_modules=True), LAYOUT)
