"""The SELECTs on Moodle's tables: what they bring, and what stays in the database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine

from alx_core.domain.learners import EVERYBODY, Layout, LearnerRange
from alx_core.domain.progress import LEARNER_TABLES, SNAPSHOT_COLUMNS
from alx_pipeline.moodle.queries import OPTIONAL_TABLES, REQUIRED_TABLES, MoodleTables
from alx_pipeline.moodle.tables import CHANGE_COLUMN, REPORTING_TABLES

TABLES = MoodleTables("mdl_", has_modules=True)


@pytest.fixture(scope="module")
def site(site_file: Path) -> Iterator[Engine]:
    """The real site: 310 users."""
    engine = create_engine(f"sqlite:///{site_file}")
    yield engine
    engine.dispose()


def rows(engine: Engine, name: str, *learners: LearnerRange) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return sorted((tuple(row) for row in connection.execute(TABLES.select(name, learners))), key=repr)


def test_every_table_of_the_rules_is_read_and_modules_only_where_it_can_be() -> None:
    assert set(TABLES.names) == set(SNAPSHOT_COLUMNS)
    without = MoodleTables("mdl_", has_modules=False)
    assert set(TABLES.names) - set(without.names) == set(OPTIONAL_TABLES) == {"modules"}
    assert set(without.names) == set(REQUIRED_TABLES)


def test_dagit_shows_the_tables_that_the_reporting_table_is_made_from() -> None:
    assert set(REPORTING_TABLES) == set(REQUIRED_TABLES)
    assert set(CHANGE_COLUMN) - set(REPORTING_TABLES) == {"external_tokens", "external_services"}


@pytest.mark.parametrize("name", SNAPSHOT_COLUMNS)
def test_a_select_returns_the_columns_of_the_rules_in_their_order(name: str) -> None:
    assert [column.name for column in TABLES.select(name).selected_columns] == list(SNAPSHOT_COLUMNS[name])


@pytest.mark.parametrize("prefix", ["mdl_", "", "m2_"])
def test_the_prefix_stands_before_every_table(prefix: str) -> None:
    for name, query in MoodleTables(prefix, has_modules=True).scan_queries([EVERYBODY]).items():
        assert f"FROM {prefix}{name}" in str(query).replace('"', "")


def test_a_scan_of_no_learners_reads_the_catalogue_alone() -> None:
    assert set(TABLES.scan_queries([])) == set(SNAPSHOT_COLUMNS) - set(LEARNER_TABLES)


@pytest.mark.parametrize("name", ["user_enrolments", "enrol", "course_modules_completion"])
def test_rows_that_no_rule_looks_at_stay_in_the_database(site: Engine, name: str) -> None:
    column = "completionstate" if name == "course_modules_completion" else "status"
    position = list(SNAPSHOT_COLUMNS[name]).index(column)
    values = {row[position] for row in rows(site, name, EVERYBODY)}
    assert 0 not in values if column == "completionstate" else values == {0}


@pytest.mark.parametrize("name", LEARNER_TABLES)
def test_ranges_one_after_the_other_bring_what_everybody_brings(site: Engine, name: str) -> None:
    layout = Layout(width=64, count=6)
    parts = [row for index in range(layout.count) for row in rows(site, name, layout.range_at(index))]
    assert sorted(parts, key=repr) == rows(site, name, EVERYBODY)
    assert 0 < len(rows(site, name, layout.range_at(1))) < len(parts)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60)), min_size=1, max_size=4))
def test_several_ranges_bring_the_learners_of_each_once(site: Engine, spans: list[tuple[int, int]]) -> None:
    ranges = [LearnerRange(first, first + width) for first, width in spans]
    wanted = {row for row in rows(site, "user", EVERYBODY) if any(r.first <= row[0] <= r.last for r in ranges)}
    found = rows(site, "user", *ranges)
    assert (set(found), len(found)) == (wanted, len(wanted))


@pytest.mark.parametrize("name", [each for each in SNAPSHOT_COLUMNS if each not in LEARNER_TABLES])
def test_the_catalogue_is_the_same_whatever_the_learners(site: Engine, name: str) -> None:
    assert rows(site, name, LearnerRange(0, 0)) == rows(site, name, EVERYBODY)


def test_counts_and_newest_changes_are_exact(site: Engine) -> None:
    with site.connect() as connection:
        assert connection.scalar(TABLES.count("user")) == 310
        ids = sorted(row[0] for row in rows(site, "user", EVERYBODY))
        last = [connection.scalar(TABLES.last_learner(after=after)) for after in (0, 3, 310)]
        assert last == [ids[-1], ids[-4], None]
        assert connection.execute(TABLES.facts("company")).one() == (6, None)
        count, newest = connection.execute(TABLES.facts("user_enrolments")).one()
        assert count > len(rows(site, "user_enrolments", EVERYBODY))
        assert newest == connection.exec_driver_sql("SELECT max(timemodified) FROM mdl_user_enrolments").scalar()


def test_what_is_no_time_is_no_newest_change(site: Engine) -> None:
    with site.connect() as connection:
        before = connection.execute(TABLES.facts("user")).one()
        ids = connection.exec_driver_sql("SELECT min(id), max(id) FROM mdl_user").one()
        for userid, wrong in zip(ids, (1_764_300_000_000, -1), strict=True):
            connection.exec_driver_sql(f"UPDATE mdl_user SET timemodified = {wrong} WHERE id = {userid}")
        assert connection.execute(TABLES.facts("user")).one() == before
        connection.rollback()
