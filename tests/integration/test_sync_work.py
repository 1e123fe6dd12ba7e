"""How much a sync reads and asks, counted: rows that leave Moodle's database, statements on the reporting database."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Connection, Engine, event, func, select, text
from sqlalchemy.engine import URL

from alx_core.domain import learners
from alx_core.domain.course_rows import CourseRows
from alx_core.domain.learners import EVERYBODY, LearnerRange
from alx_core.domain.progress import LEARNER_TABLES
from alx_core.store import learner_ranges
from alx_core.store.tables import reporting, sync_digests
from alx_pipeline.moodle.queries import MoodleTables
from alx_pipeline.moodle.readers import Queries
from alx_pipeline.moodle.source import MoodleSource
from support.changes import HOUR
from support.pipeline import MakePipeline, Pipeline
from support.reporting_databases import reporting_database
from support.site import site_on_server

LEARNER = 3
EVERY = 40
"""Every how many learners one changes, where many do."""
RANGES = 39
COURSE = 2
INSTANCES = text(f"SELECT id FROM mdl_enrol WHERE courseid = {COURSE} AND status = 0")
ACTIVITIES = text(f"SELECT id FROM mdl_course_modules WHERE course = {COURSE}")
TABLES = MoodleTables("mdl_", has_modules=True)


@dataclass
class Work:
    """Learners' rows fetched from Moodle by table, and statements on the reporting database."""

    reporting: URL
    fetched: Counter[str] = field(default_factory=Counter)
    statements: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """Count anew."""
        self.fetched.clear()
        self.statements.clear()

    def note_batch(self, table: str, batch: pl.DataFrame) -> None:
        """Texts that follow by themselves (`user.text`) are of rows that were counted."""
        if table in LEARNER_TABLES:
            self.fetched[table] += batch.height

    def note_statement(self, connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if connection.engine.url.database == self.reporting.database:
            self.statements.append(statement)


@pytest.fixture
def work(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """What the syncs of `pipeline` cost from here on."""
    counted = Work(pipeline.reporting.url)
    stream = MoodleSource._stream

    def noting(source: MoodleSource, queries: Queries) -> Iterator[tuple[str, pl.DataFrame]]:
        for table, batch in stream(source, queries):
            counted.note_batch(table, batch)
            yield table, batch

    monkeypatch.setattr(MoodleSource, "_stream", noting)
    event.listen(Engine, "before_cursor_execute", counted.note_statement)
    yield counted
    event.remove(Engine, "before_cursor_execute", counted.note_statement)


@pytest.fixture(params=["postgresql", "mysql"])
def pipeline(request: pytest.FixtureRequest, make_pipeline: MakePipeline, tmp_path: Path) -> Iterator[Pipeline]:
    """The real site on a server, just built: its last user has an id far beyond the others."""
    database = reporting_database("postgresql", tmp_path, is_migrated=True)
    with site_on_server(request.param) as moodle, database as reporting:
        made = make_pipeline(moodle, reporting)
        made.edit("UPDATE mdl_user SET id = 2310 WHERE id = 310")
        made.settings = made.settings.model_copy(update={"sync_rows_per_band": 1_000})
        made.rebuild()
        made.now += HOUR
        yield made
        made.close()


def eligible(pipeline: Pipeline, *ranges: LearnerRange, courses: CourseRows | None = None) -> dict[str, int]:
    """How many rows of each table with a row per learner the rules look at, or of those about `courses`."""
    with pipeline.moodle.connect() as connection:
        return {
            name: rows
            for name in LEARNER_TABLES
            if (rows := count(connection, TABLES.select(name, ranges or [EVERYBODY], courses).subquery()))
        }


def count(connection: Connection, rows: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(rows)).scalar_one())


def range_of(pipeline: Pipeline, learner: int) -> LearnerRange:
    """The range that `learner` is in, as its digest is noted."""
    first, last = sync_digests.c.first_userid, sync_digests.c.last_userid
    with pipeline.reporting.connect() as connection:
        found = connection.execute(select(first, last).where(first <= learner, last >= learner)).one()
    return LearnerRange(*found)


def live(pipeline: Pipeline) -> list[Any]:
    """The rows of the reporting table that are no tombstones."""
    with pipeline.reporting.connect() as connection:
        return list(connection.execute(select(reporting).where(reporting.c.is_deleted == 0)).mappings())


def test_a_build_fetches_every_row_that_the_rules_look_at_once_and_no_other(pipeline: Pipeline, work: Work) -> None:
    run = pipeline.rebuild()
    assert run.ranges == RANGES
    assert work.fetched == eligible(pipeline)


def test_a_build_leaves_a_table_that_the_server_has_looked_at(pipeline: Pipeline) -> None:
    with pipeline.reporting.connect() as connection:
        query = text("SELECT last_analyze IS NOT NULL FROM pg_stat_all_tables WHERE relname = :name")
        assert connection.scalar(query, {"name": reporting.name})


def test_an_hour_without_change_fetches_no_learners_row(pipeline: Pipeline, work: Work) -> None:
    run = pipeline.sync()
    assert run.ranges_skipped == run.ranges
    assert work.fetched == {}


@pytest.mark.parametrize(("change", "looks"), [("SELECT 1", 1), ("UPDATE mdl_user SET firstname = 'Renée'", 2)])
def test_the_whole_table_is_looked_at_once_and_again_where_something_was_written(
    pipeline: Pipeline, work: Work, change: str, looks: int
) -> None:
    pipeline.edit(change)
    run = pipeline.sync()
    whole = [each for each in work.statements if "GROUP BY local_alx_api_reporting.companyid" in each]
    assert len(whole) == looks
    assert sum(run.table.rows.values()) == run.processed


def test_an_hour_in_which_a_course_of_nobodys_is_made_fetches_no_learners_row(pipeline: Pipeline, work: Work) -> None:
    pipeline.edit("UPDATE mdl_course SET fullname = 'Nobody' WHERE id NOT IN (SELECT courseid FROM mdl_enrol)")
    pipeline.edit("INSERT INTO mdl_company_course (companyid, courseid, departmentid) VALUES (1, 999999, 0)")
    pipeline.sync()
    assert work.fetched == {}


def test_an_edit_of_a_course_fetches_the_rows_about_it_and_compares_its_own(pipeline: Pipeline, work: Work) -> None:
    pipeline.edit(f"UPDATE mdl_course SET fullname = 'Renamed' WHERE id = {COURSE}")
    with pipeline.moodle.connect() as connection:
        ids = [frozenset(connection.execute(each).scalars()) for each in (INSTANCES, ACTIVITIES)]
    about = CourseRows(frozenset({COURSE}), *ids)
    run = pipeline.sync()
    assert work.fetched == eligible(pipeline, courses=about)
    assert work.fetched["user_enrolments"] < eligible(pipeline)["user_enrolments"] / 4
    assert run.total("updated") == len([row for row in live(pipeline) if row["courseid"] == COURSE]) > 0
    assert {row["coursename"] for row in live(pipeline) if row["courseid"] == COURSE} == {"Renamed"}
    assert sum(run.table.rows.values()) == run.processed


def test_a_learners_change_fetches_the_rows_of_its_range_and_writes_its_own(pipeline: Pipeline, work: Work) -> None:
    pipeline.edit(f"UPDATE mdl_user SET firstname = 'Renée' WHERE id = {LEARNER}")
    changed = range_of(pipeline, LEARNER)
    run = pipeline.sync()
    assert work.fetched == eligible(pipeline, changed)
    assert 0 < work.fetched["user"] < eligible(pipeline)["user"]
    assert (run.total("created"), run.total("deleted")) == (0, 0)
    assert 0 < run.total("updated") < 100


@pytest.mark.parametrize("most_lookups", [learner_ranges.MOST_LOOKUPS, 1])
def test_changes_all_over_the_site_fetch_the_rows_of_their_ranges(
    pipeline: Pipeline, work: Work, monkeypatch: pytest.MonkeyPatch, most_lookups: int
) -> None:
    """Whether the ranges are looked up one by one or filtered out of a pass over the table."""
    monkeypatch.setattr(learner_ranges, "MOST_LOOKUPS", most_lookups)
    pipeline.edit(f"UPDATE mdl_user SET firstname = 'Renée' WHERE MOD(id, {EVERY}) = {LEARNER}")
    ranges = sorted({range_of(pipeline, learner) for learner in range(LEARNER, 310, EVERY)})
    run = pipeline.sync()
    assert work.fetched == eligible(pipeline, *ranges)
    assert run.ranges - run.ranges_skipped == len(ranges) == 8
    assert run.total("updated") > 0
    assert {row["firstname"] for row in live(pipeline) if row["userid"] % EVERY == LEARNER} == {"Renée"}


def test_an_hour_without_change_asks_as_much_of_few_ranges_as_of_many(
    pipeline: Pipeline, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    for narrowest in (learners.WIDTH, 2**20):
        monkeypatch.setattr(learners, "WIDTH", narrowest)
        pipeline.rebuild()
        work.clear()
        run = pipeline.sync()
        asked.append((len(work.statements), run.ranges))
    (of_many, many), (of_few, few) = asked
    assert many > few == 1
    assert of_many == of_few > 0
