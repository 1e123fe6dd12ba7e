"""Quiet learner ranges are skipped, and never wrongly."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, text

from alx_core.store.companies import list_companies
from alx_core.store.tables import sync_digests
from support.changes import HOUR, every_second
from support.databases import scratch_database
from support.oracle import oracle
from support.pipeline import MakePipeline, Pipeline
from support.site import live_rows, site_on_server

DAY = 24 * HOUR
SMALL_RANGES = {"sync_rows_per_band": 1_000}


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def synced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The real site on a server, cut into several ranges, synced twice; nothing changed in between."""
    with site_on_server(request.param) as moodle, scratch_database("postgresql") as reporting:
        made = Pipeline.over(moodle, reporting, home=tmp_path_factory.mktemp("home"))
        made.settings = made.settings.model_copy(update=SMALL_RANGES)
        made.now -= made.now % DAY
        made.sync()
        made.now += HOUR
        made.sync()
        made.close()
        yield made


@pytest.fixture
def pipeline(synced: Pipeline, make_pipeline: MakePipeline) -> Iterator[Pipeline]:
    """A copy of what was synced, to be changed."""
    copied = scratch_database("postgresql", template=synced.reporting.url.database)
    with site_on_server(synced.moodle.dialect.name) as moodle, copied as reporting:
        made = make_pipeline(moodle, reporting)
        made.settings = made.settings.model_copy(update=SMALL_RANGES)
        made.now, made.runs = synced.now, [*synced.runs]
        yield made
        made.close()


def assert_right(pipeline: Pipeline) -> None:
    with pipeline.reporting.connect() as connection:
        rows = live_rows(connection)
    expected = oracle(pipeline.moodle, pipeline.now)
    assert {key: {name: row[name] for name in expected[key]} for key, row in rows.items()} == expected


def digests(pipeline: Pipeline) -> int:
    with pipeline.reporting.connect() as connection:
        return len(connection.execute(select(sync_digests)).all())


def test_the_first_sync_notes_all_digests_and_the_second_finds_them_true(pipeline: Pipeline) -> None:
    first, second = pipeline.runs
    assert first.ranges == second.ranges > 1
    assert (first.ranges_skipped, second.ranges_skipped) == (0, second.ranges)
    assert digests(pipeline) == second.ranges


def test_the_hour_after_a_rebuild_is_quiet(pipeline: Pipeline) -> None:
    pipeline.edit("UPDATE mdl_user SET firstname = 'Renée' WHERE id = 3")
    pipeline.rebuild()
    pipeline.now += HOUR
    quiet = pipeline.sync()
    assert quiet.ranges_skipped == quiet.ranges
    assert_right(pipeline)


def test_a_quiet_hour_skips_every_range_and_still_reports_every_row(pipeline: Pipeline) -> None:
    pipeline.now += HOUR
    quiet = pipeline.sync()
    assert quiet.ranges_skipped == quiet.ranges
    assert (quiet.processed, quiet.total("unchanged")) == (pipeline.runs[1].processed,) * 2
    assert quiet.rows_read == pipeline.runs[1].rows_read
    assert quiet.newest_change == pipeline.runs[1].newest_change


def test_one_learners_change_leaves_the_other_ranges_alone(pipeline: Pipeline) -> None:
    pipeline.edit("UPDATE mdl_user SET firstname = 'Renée' WHERE id = 3")
    pipeline.now += HOUR
    run = pipeline.sync()
    assert run.ranges_skipped == run.ranges - 1
    assert_right(pipeline)


def test_a_course_that_changes_makes_its_learners_be_looked_at(pipeline: Pipeline) -> None:
    pipeline.edit("UPDATE mdl_course SET fullname = 'Renamed' WHERE id = 2")
    pipeline.now += HOUR
    run = pipeline.sync()
    assert run.total("updated") > 0
    assert_right(pipeline)


def test_a_course_without_learners_may_come_and_go_unseen(pipeline: Pipeline) -> None:
    pipeline.edit("UPDATE mdl_iomad_courses SET shared = 0 WHERE courseid NOT IN (SELECT courseid FROM mdl_enrol)")
    pipeline.edit("INSERT INTO mdl_company_course (companyid, courseid, departmentid) VALUES (1, 999999, 0)")
    pipeline.now += HOUR
    run = pipeline.sync()
    assert run.ranges_skipped == run.ranges
    assert_right(pipeline)


def test_a_company_that_is_renamed_has_its_name_in_an_hour_that_skips_every_range(pipeline: Pipeline) -> None:
    pipeline.edit("UPDATE mdl_company SET name = 'Renamed' WHERE id = 1")
    pipeline.now += HOUR
    run = pipeline.sync()
    assert run.ranges_skipped == run.ranges
    with pipeline.reporting.connect() as connection:
        assert "Renamed" in {each["name"] for each in list_companies(connection)}


def test_a_company_that_is_deleted_makes_its_members_be_looked_at(pipeline: Pipeline) -> None:
    pipeline.edit("DELETE FROM mdl_company WHERE id = 2")
    pipeline.now += HOUR
    run = pipeline.sync()
    assert 0 < run.ranges_skipped < run.ranges
    assert run.total("deleted") > 0
    assert_right(pipeline)


def test_a_module_type_that_is_switched_off_makes_every_range_be_looked_at(pipeline: Pipeline) -> None:
    pipeline.edit("UPDATE mdl_modules SET visible = 0 WHERE name = 'page'")
    pipeline.now += HOUR
    assert pipeline.sync().ranges_skipped == 0
    assert_right(pipeline)


def test_an_enrolment_that_ends_without_a_change_is_not_skipped(pipeline: Pipeline) -> None:
    pipeline.edit(f"UPDATE mdl_user_enrolments SET timeend = {pipeline.now + 90 * 60} WHERE userid = 3")
    for _ in range(3):
        pipeline.now += HOUR
        pipeline.sync()
        assert_right(pipeline)


def test_the_first_sync_of_a_day_looks_at_everything(pipeline: Pipeline) -> None:
    pipeline.now += DAY
    assert pipeline.sync().ranges_skipped == 0


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM local_alx_api_reporting WHERE userid = 3",
        "UPDATE local_alx_api_reporting SET is_deleted = 1 WHERE userid = 3",
    ],
)
def test_rows_that_somebody_took_from_the_table_come_back(pipeline: Pipeline, statement: str) -> None:
    with pipeline.reporting.begin() as connection:
        connection.execute(text(statement))
    pipeline.now += HOUR
    pipeline.sync()
    assert_right(pipeline)


def test_a_state_that_comes_back_after_a_rebuild_saw_another_is_found(pipeline: Pipeline) -> None:
    """Digest of state A, a rebuild that writes B, then A again: an old digest would say that nothing changed."""
    pipeline.edit("UPDATE mdl_company_users SET companyid = 2 WHERE userid = 44")
    pipeline.rebuild()
    pipeline.edit("UPDATE mdl_company_users SET companyid = 1 WHERE userid = 44")
    pipeline.now += HOUR
    pipeline.sync()
    assert_right(pipeline)


def test_a_company_that_failed_is_looked_at_again(pipeline: Pipeline) -> None:
    pipeline.edit("UPDATE mdl_user SET firstname = 'Zzyzx' WHERE id IN (44, 110)")
    with pipeline.reporting.begin() as connection:
        connection.execute(text("ALTER TABLE local_alx_api_reporting ADD CONSTRAINT no CHECK (firstname <> 'Zzyzx')"))
    pipeline.now += HOUR
    assert pipeline.sync().failed.keys() == {"acme", "beta"}
    with pipeline.reporting.begin() as connection:
        connection.execute(text("ALTER TABLE local_alx_api_reporting DROP CONSTRAINT no"))
    pipeline.now += HOUR
    assert pipeline.sync().failed == {}
    assert_right(pipeline)


@pytest.mark.slow
def test_quiet_hours_between_changes_are_right_whatever_changes(pipeline: Pipeline) -> None:
    for name, statements in every_second(pipeline.moodle.dialect.name):
        pipeline.edit(*statements)
        for _hour in range(2):
            pipeline.now += 60
            pipeline.sync()
        assert_right(pipeline), name
    assert any(run.ranges_skipped == run.ranges for run in pipeline.runs)
