"""What a sync leaves in the books, and whoever listens hears."""

from support.books import companies_of
from support.builders import (
    COMPANY,
    make_company,
    make_user,
)
from support.frame_site import BETA, HOUR_S, IDS, WIDTH, Diary, Site


def test_a_run_is_booked_with_its_figures(site: Site) -> None:
    site.sync()
    site.change(user=[make_user(id=each, firstname="New") for each in IDS])
    result = site.sync(dagster_run_id="a-run")
    run = site.runs()[-1]
    assert (run["id"], run["kind"], run["status"], run["error"]) == (result.run_id, "hourly", "succeeded", None)
    assert (run["window_start"], run["window_end"], run["as_of"]) == (site.now - HOUR_S, site.now, site.now)
    assert (run["started_at"], run["finished_at"], run["dagster_run_id"]) == (site.now, site.now, "a-run")
    assert (run["companies"], run["companies_failed"], run["processed"], run["updated"]) == (2, 0, 4, 4)
    with site.engine.connect() as connection:
        booked = companies_of(connection, result.run_id)
    assert [(each["companyid"], each["updated"], each["status"]) for each in booked] == [
        (COMPANY, 2, "succeeded"),
        (BETA, 2, "succeeded"),
    ]


def test_a_company_is_known_by_its_names_its_rows_and_how_far_it_may_be_read(site: Site) -> None:
    first = site.sync()
    site.change(company=[make_company(shortname="new", suspended=1), make_company(id=BETA, shortname="beta")])
    site.sync()
    company = site.companies()["new"]
    assert (company["suspended"], company["row_count"], company["last_error"]) == (1, 2, None)
    assert (company["last_synced_at"], company["published_seq"]) == (site.now, first.run_id)


def test_a_run_that_was_killed_is_closed_by_the_next(site: Site) -> None:
    site.execute("INSERT INTO sync_runs (kind, status, as_of, started_at) VALUES ('hourly', 'running', 1, 1)")
    site.sync()
    assert [run["status"] for run in site.runs()] == ["interrupted", "succeeded"]


def test_a_listener_hears_of_every_band_every_company_and_the_end(site: Site) -> None:
    diary = Diary()
    site.listener, site.source.width = diary, WIDTH
    result = site.sync()
    assert diary.notes == [("read", 3, 5), ("read", 5, 5), ("write", 1, 2), ("write", 2, 2), result]
