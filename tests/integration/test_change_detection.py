"""Change detection is complete: however Moodle changed, the newest hour makes the table what core would say now."""

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import URL

from support.changes import EVERY, HOUR, every_second
from support.databases import scratch_database
from support.oracle import oracle
from support.pipeline import MakePipeline, Pipeline
from support.site import AS_OF, Key, live_rows, site_on_server

CONTENT = (
    "username", "firstname", "lastname", "email", "coursename", "timecompleted", "timestarted", "timeenrolled",
    "percentage", "status", "activities_total", "activities_completed",
)  # fmt: skip

Rows = dict[Key, dict[str, object]]

SILENT = {
    "a hidden activity counts as before",
    "a company is renamed",
    "one department of two is suspended",
    "sharing a course that IOMAD does not know",
}
"""Changes that must move no row."""


def table(pipeline: Pipeline) -> Rows:
    with pipeline.reporting.connect() as connection:
        return live_rows(connection)


def content(rows: Rows) -> Rows:
    return {key: {name: row[name] for name in CONTENT} for key, row in rows.items()}


def assert_sync_is_right_and_sparing(pipeline: Pipeline) -> None:
    """The table is what core says, and only rows whose content moved were touched."""
    before = table(pipeline)
    run = pipeline.sync()
    after = table(pipeline)
    assert content(after) == oracle(pipeline.moodle, pipeline.now)
    was, now = content(before), content(after)
    for key, row in after.items():
        if was.get(key) == now[key]:
            assert (row["last_updated"], row["change_seq"]) == (before[key]["last_updated"], before[key]["change_seq"])
        else:
            assert (row["last_updated"], row["change_seq"]) == (pipeline.now, run.run_id)
    assert run.total("deleted") == len(before.keys() - after.keys())
    assert run.total("created") == len(after.keys() - before.keys())
    assert run.total("updated") == sum(was[key] != now[key] for key in was.keys() & now.keys())


@pytest.fixture(scope="module")
def synced(site_file: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The reporting database after the first sync."""
    home = tmp_path_factory.mktemp("synced")
    moodle, reporting = (URL.create("sqlite", database=str(path)) for path in (site_file, home / "alx.sqlite"))
    pipeline = Pipeline.over(moodle, reporting, home=home)
    pipeline.sync()
    pipeline.close()
    return (home / "alx.sqlite").read_bytes()


@pytest.fixture
def pipeline(site_copy: Path, synced: bytes, sqlite_url: URL, make_pipeline: MakePipeline) -> Pipeline:
    Path(str(sqlite_url.database)).write_bytes(synced)
    made = make_pipeline(URL.create("sqlite", database=str(site_copy)), sqlite_url)
    made.now += HOUR
    return made


@pytest.mark.parametrize("change", EVERY)
def test_the_next_sync_finds(pipeline: Pipeline, change: str) -> None:
    pipeline.edit(*EVERY[change])
    assert_sync_is_right_and_sparing(pipeline)


@pytest.mark.parametrize("hours", [-24 * 365, -24, 1, 24 * 30, 24 * 400])
def test_time_passing_over_starts_and_ends_is_found(pipeline: Pipeline, hours: int) -> None:
    pipeline.now += hours * HOUR
    assert_sync_is_right_and_sparing(pipeline)


def test_every_change_changes_something(pipeline: Pipeline) -> None:
    """A change that moves no row would test nothing; those of SILENT are in the list because they must not."""
    silent = set()
    start = content(table(pipeline))
    for name, statements in EVERY.items():
        with pipeline.moodle.connect() as connection, connection.begin() as transaction:
            for statement in statements:
                connection.exec_driver_sql(statement)
            if oracle_of(connection, pipeline.now) == start:
                silent.add(name)
            transaction.rollback()
    assert silent == SILENT


def oracle_of(connection, now: int) -> Rows:
    class Borrowed:
        def connect(self):
            return self

        def __enter__(self):
            return connection

        def __exit__(self, *_error: object) -> None:
            return None

    return oracle(Borrowed(), now)  # type: ignore[arg-type]


@pytest.mark.slow
@settings(max_examples=25)
@given(data=st.data())
def test_any_sequence_of_changes_ends_where_a_rebuild_from_nothing_ends(
    data: st.DataObject, site_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("sequence")
    moodle = folder / "moodle.sqlite"
    moodle.write_bytes(site_file.read_bytes())
    urls = (URL.create("sqlite", database=str(path)) for path in (moodle, folder / "reporting.sqlite"))
    with closing(Pipeline.over(*urls, home=folder)) as pipeline:  # Hypothesis leaves an example in the middle, too
        pipeline.sync()
        for _hour in range(data.draw(st.integers(1, 4), label="hours")):
            for name in data.draw(st.lists(st.sampled_from(sorted(EVERY)), max_size=6, unique=True), label="changes"):
                apply_if_possible(pipeline, name)
            pipeline.now += data.draw(st.sampled_from([HOUR, 7 * HOUR, 24 * 30 * HOUR]), label="time passing")
            assert_sync_is_right_and_sparing(pipeline)


def apply_if_possible(pipeline: Pipeline, name: str) -> None:
    """Some changes can't be made twice (a unique index); Moodle would not make them either."""
    from sqlalchemy.exc import IntegrityError  # noqa: PLC0415

    try:
        pipeline.edit(*EVERY[name])
    except IntegrityError:
        return


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_all_changes_one_after_the_other_on_a_server(kind: str, make_pipeline: MakePipeline) -> None:
    """On Moodle's real servers, with PostgreSQL as the reporting database: each takes half of the changes."""
    with site_on_server(kind) as moodle_url, scratch_database("postgresql") as reporting_url:
        pipeline = make_pipeline(moodle_url, reporting_url)
        pipeline.sync()
        for name, _statements in every_second(kind):
            apply_if_possible(pipeline, name)
            pipeline.now += HOUR
            assert_sync_is_right_and_sparing(pipeline)
        pipeline.close()
    assert pipeline.now > AS_OF
