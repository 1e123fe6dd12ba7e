"""A company that fails does not stop the others, and keeps its rows to the last byte."""

from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import URL

from alx_core.domain.sync import Kind
from alx_core.store.tables import companies, reporting, sync_run_companies
from support.pipeline import MakePipeline, Pipeline
from support.site import expected_rows, live_rows, reported_rows

FAIL_BETA = {
    "sqlite": [
        "CREATE TRIGGER beta_fails BEFORE UPDATE ON local_alx_api_reporting WHEN NEW.companyid = 2 AND NEW.userid > 150"
        " BEGIN SELECT RAISE(ABORT, 'beta is not allowed'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION beta_fails() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'beta is not allowed'; END $$",
        "CREATE TRIGGER beta_fails BEFORE UPDATE ON local_alx_api_reporting"
        " FOR EACH ROW WHEN (NEW.companyid = 2 AND NEW.userid > 150) EXECUTE FUNCTION beta_fails()",
    ],
}


@pytest.fixture
def pipeline(site_copy: Path, reporting_url: URL, make_pipeline: MakePipeline) -> Pipeline:
    """Every row has changed in Moodle, and beta's last ones can't be written."""
    made = make_pipeline(URL.create("sqlite", database=str(site_copy)), reporting_url)
    made.sync()
    made.now += 3600
    made.edit("UPDATE mdl_user SET firstname = firstname || '!'")
    with made.reporting.begin() as connection:
        for statement in FAIL_BETA[made.reporting.dialect.name]:
            connection.execute(text(statement))
    return made


def rows(pipeline: Pipeline) -> dict:
    with pipeline.reporting.connect() as connection:
        return live_rows(connection)


def test_the_others_are_committed_and_the_failed_one_is_as_it_was(pipeline: Pipeline) -> None:
    before = rows(pipeline)
    run = pipeline.sync()
    after = rows(pipeline)
    assert run.failed == {"beta": "beta is not allowed"}
    assert {key: row for key, row in after.items() if key[0] == 2} == {
        key: row for key, row in before.items() if key[0] == 2
    }
    assert all(str(row["firstname"]).endswith("!") for key, row in after.items() if key[0] != 2)


def test_the_failure_is_booked_and_the_company_says_why(pipeline: Pipeline) -> None:
    run = pipeline.sync()
    with pipeline.reporting.connect() as connection:
        booked = connection.execute(select(sync_run_companies).where(sync_run_companies.c.run_id == run.run_id))
        status = {row["companyid"]: (row["status"], row["error"]) for row in booked.mappings()}
        beta = connection.execute(select(companies).where(companies.c.shortname == "beta")).mappings().one()
    assert status[2] == ("failed", "beta is not allowed")
    assert {each for companyid, each in status.items() if companyid != 2} == {("succeeded", None)}
    assert (beta["last_error"], beta["published_seq"]) == ("beta is not allowed", pipeline.runs[0].run_id)


def test_the_next_sync_mends_it(pipeline: Pipeline) -> None:
    pipeline.sync()
    with pipeline.reporting.begin() as connection:
        target = " ON local_alx_api_reporting" if connection.dialect.name == "postgresql" else ""
        connection.execute(text(f"DROP TRIGGER beta_fails{target}"))
    pipeline.edit("UPDATE mdl_user SET firstname = substr(firstname, 1, length(firstname) - 1)")
    pipeline.now = 1795474552
    assert pipeline.sync().failed == {}
    assert reported_rows(pipeline.reporting) == expected_rows()


def test_a_company_can_be_rebuilt_alone(pipeline: Pipeline) -> None:
    before = rows(pipeline)
    run = pipeline.sync(Kind.REBUILD, shortnames=("acme",))
    changed = {key[0] for key, row in rows(pipeline).items() if row != before[key]}
    assert ([each.shortname for each in run.companies], changed) == (["acme"], {1})


def test_change_seq_never_falls_and_is_published_with_the_rows(pipeline: Pipeline) -> None:
    pipeline.sync()
    with pipeline.reporting.connect() as connection:
        highest = dict(
            connection.execute(
                select(reporting.c.companyid, text("max(change_seq)")).group_by(reporting.c.companyid)
            ).all()
        )
        published = dict(connection.execute(select(companies.c.companyid, companies.c.published_seq)).all())
    assert highest == {companyid: seq for companyid, seq in published.items() if seq}
