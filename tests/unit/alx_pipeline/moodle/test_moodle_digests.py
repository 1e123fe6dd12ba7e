"""Digests of learner ranges: the same as long as nothing changed, another one whatever changed."""

from collections.abc import Callable, Iterator

import polars as pl
import pytest
from sqlalchemy import Connection, Engine, create_engine, delete, insert, text, update
from sqlalchemy.schema import MetaData

from alx_core.domain.learners import Layout
from alx_core.domain.progress import LEARNER_TABLES, SNAPSHOT_COLUMNS
from alx_pipeline.moodle.digests import can_digest, catalogue_digest, range_digests
from alx_pipeline.moodle.queries import MoodleTables
from support.builders import (
    LEARNER,
    Row,
    load_moodle,
    make_course_completion,
    make_many_learners,
    make_module_completion,
    make_snapshot,
    make_user,
    make_user_enrolment,
)
from support.databases import scratch_database

TABLES = MoodleTables("mdl_", has_modules=True)
LAYOUT = Layout(width=LEARNER, count=3)
"""Range 1 holds the learners of the site, ranges 0 and 2 nobody."""
OTHER = 2 * LEARNER
"""A learner of range 2."""

Digests = dict[int, str]


class Moodle:
    """A Moodle on a server, put back after each test."""

    def __init__(self, engine: Engine, metadata: MetaData) -> None:
        self.engine = engine
        self.metadata = metadata

    def digests(self, catalogue: str = "") -> Digests:
        return range_digests(self.engine, TABLES, LAYOUT, catalogue)

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

    def refill(self) -> None:
        """Put the learners' tables back; no test changes another one."""
        with self.engine.begin() as connection:
            for name in LEARNER_TABLES:
                table = self.metadata.tables[f"mdl_{name}"]
                connection.execute(delete(table))
                connection.execute(insert(table), SITE[name].to_dicts())


def learner_rows(userid: int) -> dict[str, list[Row]]:
    return {
        "course_modules_completion": [make_module_completion(userid=userid)],
        "course_completions": [make_course_completion(userid=userid)],
    }


SITE = make_snapshot(**make_many_learners(2), **learner_rows(LEARNER))


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[Moodle]:
    with scratch_database(request.param) as url:
        engine = create_engine(url)
        yield Moodle(engine, load_moodle(engine, SITE))
        engine.dispose()


@pytest.fixture
def moodle(server: Moodle) -> Iterator[Moodle]:
    yield server
    server.refill()


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


def test_a_change_of_the_catalogue_changes_every_range(moodle: Moodle) -> None:
    assert changed(moodle.digests("one"), moodle.digests("other")) == {0, 1, 2}


# --- the catalogue ---


def catalogue() -> list[tuple[str, pl.DataFrame]]:
    return [(name, frame) for name, frame in SITE.items() if name not in LEARNER_TABLES]


def test_the_digest_of_the_catalogue_does_not_depend_on_the_order_of_its_rows_or_tables() -> None:
    backwards = [(name, frame.reverse()) for name, frame in catalogue()][::-1]
    assert catalogue_digest(backwards) == catalogue_digest(catalogue())


@pytest.mark.parametrize("table", [name for name in SITE if name not in LEARNER_TABLES])
def test_the_digest_of_the_catalogue_is_another_when_any_table_changes(table: str) -> None:
    column = next(iter(SNAPSHOT_COLUMNS[table]))
    frames = dict(catalogue())
    frames[table] = pl.concat(
        [frames[table], frames["company"].select(pl.lit(77).alias(column))], how="diagonal_relaxed"
    )
    assert catalogue_digest(frames.items()) != catalogue_digest(catalogue())


def test_a_missing_title_and_an_empty_one_are_told_apart() -> None:
    titles = [SITE["course"].with_columns(fullname=pl.lit(each, pl.String())) for each in (None, "")]
    assert catalogue_digest([("course", titles[0])]) != catalogue_digest([("course", titles[1])])


def test_sqlite_has_no_fast_hash() -> None:
    engine = create_engine("sqlite://")
    assert not can_digest(engine)
    engine.dispose()
