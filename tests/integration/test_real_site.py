"""The measure is Moodle itself: the real site gives exactly what Moodle core answered, whatever the databases."""

import pytest
from sqlalchemy import select
from sqlalchemy.engine import URL

from alx_core.store.tables import companies, sync_run_companies, sync_runs
from support.pipeline import MakePipeline
from support.site import expected_rows, reported_rows


def test_the_real_site_gives_exactly_what_moodle_core_answers(
    moodle_url: URL, reporting_url: URL, make_pipeline: MakePipeline
) -> None:
    pipeline = make_pipeline(moodle_url, reporting_url)
    result = pipeline.rebuild()
    assert reported_rows(pipeline.reporting) == expected_rows()
    assert (result.total("created"), result.total("unchanged"), result.errors) == (1494, 0, 0)


def test_a_second_sync_writes_nothing(moodle_url: URL, reporting_url: URL, make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(moodle_url, reporting_url)
    pipeline.rebuild()
    for again in (pipeline.rebuild(), pipeline.sync()):
        assert (again.total("unchanged"), again.total("created"), again.total("updated")) == (1494, 0, 0)
        assert again.total("deleted") == 0


@pytest.mark.parametrize("rows_per_band", [1_000])
def test_small_bands_give_the_same_rows(
    site_copy, sqlite_url: URL, make_pipeline: MakePipeline, rows_per_band: int
) -> None:
    pipeline = make_pipeline(URL.create("sqlite", database=str(site_copy)), sqlite_url)
    pipeline.settings = pipeline.settings.model_copy(update={"sync_rows_per_band": rows_per_band})
    assert pipeline.rebuild().rows_read["course_modules_completion"] > 3 * rows_per_band
    assert reported_rows(pipeline.reporting) == expected_rows()


def test_the_run_is_booked_with_each_company(site_copy, reporting_url: URL, make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(URL.create("sqlite", database=str(site_copy)), reporting_url)
    result = pipeline.rebuild()
    with pipeline.reporting.connect() as connection:
        run = connection.execute(select(sync_runs)).mappings().one()
        booked = connection.execute(select(sync_run_companies)).mappings().all()
        known = {row["shortname"]: row for row in connection.execute(select(companies)).mappings()}
    assert (run["status"], run["processed"], run["created"], run["errors"]) == ("succeeded", 1494, 1494, 0)
    assert {row["companyid"]: row["created"] for row in booked} == {1: 532, 2: 558, 3: 225, 4: 179, 5: 0, 6: 0}
    assert known["acme"]["row_count"] == 532
    assert known["acme"]["published_seq"] == result.run_id
    assert known["nousers"]["published_seq"] == 0
