"""The status page in a real Chromium while something is under way, missing or broken."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import insert, text, update

from alx_core.store.engine import transaction
from alx_core.store.locks import writer_lock
from alx_core.store.tables import companies, request_log, sync_runs
from support.status_pages import FAILED_REQUEST, HOUR, NOW, MakePage, Site, comma, figure
from support.status_site import HOSTILE, make_call

pytestmark = pytest.mark.slow


def test_dagster_dead_is_told_from_the_tables_alone(own_site: Site, make_page: MakePage) -> None:
    own_site.clock.now = HOUR + 300 + 8 + 3 * 3600 + 12 * 60 + 5
    page = make_page()
    page.goto(f"{own_site.url}/status")
    expect(page.locator(".headline")).to_have_text("No sync for 3 h 12 min.")
    expect(page.locator("#card-status")).to_contain_text("Problem")
    expect(page.locator("#card-next-sync")).to_contain_text("Overdue")
    page.get_by_role("tab", name="Performance").click()
    expect(page.locator(".strip")).to_contain_text("No sync for 3 h 12 min")


def test_figures_are_true_when_nobody_counted_the_hours(own_site: Site, make_page: MakePage) -> None:
    page = make_page()
    page.goto(f"{own_site.url}/status?tab=performance")
    calls = figure(page, "calls")
    with transaction(own_site.engine) as connection:
        connection.execute(text("DELETE FROM api_metrics_hourly"))
    page.reload()
    expect(page.locator(".source")).to_contain_text("straight from the request log")
    assert figure(page, "calls") == calls
    late = make_call(request_id="late", timeaccessed=(NOW - 7 * 3600) * 1000)
    with transaction(own_site.engine) as connection:
        connection.execute(insert(request_log), [late])
    page.reload()
    assert figure(page, "calls") == comma(int(calls.replace(",", "")) + 1)


def test_a_running_sync_is_shown(own_site: Site, make_page: MakePage) -> None:
    with transaction(own_site.engine) as connection:
        newest = connection.execute(text("SELECT max(id) FROM sync_runs")).scalar_one()
        connection.execute(
            update(sync_runs)
            .where(sync_runs.c.id == newest)
            .values(status="running", started_at=NOW - 40, finished_at=None)
        )
    page = make_page()
    with writer_lock(own_site.engine, timeout_s=0):
        page.goto(f"{own_site.url}/status")
    assert figure(page, "next-sync") == "Running, 40 s"
    assert figure(page, "status") == "Running"


def test_a_sync_that_failed_says_why_on_a_phone_too(own_site: Site, make_page: MakePage) -> None:
    cause = f"Moodle's database mysql://reader:***@{'moodle' * 12}/moodle did not answer: {HOSTILE}."
    with transaction(own_site.engine) as connection:
        newest = connection.execute(text("SELECT max(id) FROM sync_runs")).scalar_one()
        failed = update(sync_runs).where(sync_runs.c.id == newest).values(status="failed", error=cause)
        connection.execute(failed)
        connection.execute(update(companies).values(last_error=None))
    page = make_page(viewport={"width": 360, "height": 800})
    page.goto(f"{own_site.url}/status")
    expect(page.locator(".headline")).to_have_text("The last sync failed.")
    expect(page.locator(".advice")).to_have_text(cause)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_first_day_is_a_page_like_any_other(empty_site: Site, make_page: MakePage) -> None:
    page = make_page()
    page.goto(f"{empty_site.url}/status")
    expect(page.locator(".headline")).to_have_text("No sync yet.")
    for tab in ("Performance", "Security", "Auto-Sync"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tab", selected=True)).to_have_text(tab)
        expect(page.locator(".empty").first).to_be_visible()


def test_a_database_that_goes_away_is_told_and_one_that_comes_back_is_shown(
    own_site: Site, make_page: MakePage
) -> None:
    page = make_page(notes=FAILED_REQUEST)
    page.clock.install()
    page.goto(f"{own_site.url}/status")
    with transaction(own_site.engine) as connection:
        connection.execute(text("ALTER TABLE companies RENAME TO away"))
    page.clock.fast_forward(31_000)
    expect(page.locator(".headline")).to_have_text("The reporting database could not answer.")
    with transaction(own_site.engine) as connection:
        connection.execute(text("ALTER TABLE away RENAME TO companies"))
    page.clock.fast_forward(16_000)
    expect(page.locator("#card-companies .figure")).to_have_text("30")
