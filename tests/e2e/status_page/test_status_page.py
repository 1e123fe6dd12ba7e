"""The status page in a real Chromium: what people see, with and without scripts, by mouse and by keyboard."""

import json
import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from alx_core.store.engine import transaction
from api_server.status.address import Tab
from support.status_pages import (
    FAILED_REQUEST,
    HOUR,
    NOW,
    PHONE,
    MakePage,
    Site,
    cells,
    comma,
    figure,
    percent,
    run_axe,
)
from support.status_site import HOSTILE, NAMES

pytestmark = pytest.mark.slow


DAY = f"timeaccessed >= {(NOW - 86_400) * 1000} AND timeaccessed < {(NOW + 1) * 1000}"


def test_every_figure_of_auto_sync_is_that_of_the_tables(site: Site, make_page: MakePage) -> None:
    page = make_page()
    page.goto(f"{site.url}/status")
    assert figure(page, "companies") == comma(site.ask("SELECT count(*) FROM companies WHERE is_deleted = 0"))
    records = comma(site.ask("SELECT sum(row_count) FROM companies"))
    expect(page.locator("#card-companies")).to_contain_text(f"{records} records")
    ended = site.ask("SELECT max(finished_at) FROM sync_runs WHERE status = 'succeeded'")
    assert figure(page, "last-sync") == f"{(NOW - ended) // 60} min ago"
    assert figure(page, "next-sync") == f"in {(HOUR + 3_900 - NOW) // 60} min"
    assert figure(page, "status") == "Failing"  # one company could not be written
    newest = "FROM sync_runs WHERE id = (SELECT max(id) FROM sync_runs)"
    for name in ("created", "updated", "deleted"):
        expect(page.locator("#card-last-sync")).to_contain_text(f"{site.ask(f'SELECT {name} {newest}')} {name}")
    day_start = HOUR - 8 * 3600 - 6 * 86_400
    week = f"FROM sync_runs WHERE started_at >= {day_start} AND status <> 'running'"
    runs, good = site.ask(f"SELECT count(*) {week}"), site.ask(f"SELECT count(*) {week} AND status = 'succeeded'")
    assert page.locator("#success-7d").inner_text() == percent(good, runs)
    page.get_by_text("Figures as a table").click()
    days = cells(page, "days")
    assert len(days) == 7
    assert [sum(int(day[column]) for day in days) for column in (2, 3)] == [good, runs]
    assert sum(1 for _ in page.locator(".plot canvas").all()) == 1


def test_every_line_of_the_company_table_is_that_of_the_tables(site: Site, make_page: MakePage) -> None:
    page = make_page()
    seen: dict[str, list[str]] = {}
    page.goto(f"{site.url}/status?sort=name")
    for _ in range(2):
        seen |= {row[0]: row for row in cells(page, "companies")}
        if page.get_by_role("link", name="Next").count():
            page.get_by_role("link", name="Next").click()
            expect(page.locator(".pages")).to_contain_text("page 2 of 2")
    assert len(seen) == len(NAMES)
    for companyid, name in enumerate(NAMES, start=1):
        row = next(row for label, row in seen.items() if label.startswith(name))
        assert row[3] == comma(site.ask("SELECT row_count FROM companies WHERE companyid = :id", id=companyid))
        done = "FROM sync_run_companies c JOIN sync_runs r ON r.id = c.run_id WHERE c.companyid = :id"
        for column, kind in enumerate(("created", "updated", "deleted"), start=4):
            query = f"SELECT coalesce(sum(c.{kind}), 0) {done} AND r.started_at >= {NOW - 86_400}"
            assert row[column] == comma(site.ask(query, id=companyid)), (name, kind)
        newest = f"SELECT coalesce(max(c.errors), 0) {done} AND r.id = (SELECT max(id) FROM sync_runs)"
        assert row[7] == comma(site.ask(newest, id=companyid)), name


def test_every_figure_of_performance_is_that_of_the_log(site: Site, make_page: MakePage) -> None:
    page = make_page()
    page.goto(f"{site.url}/status?tab=performance")
    calls = site.ask(f"SELECT count(*) FROM local_alx_api_logs WHERE {DAY}")
    good = site.ask(f"SELECT count(*) FROM local_alx_api_logs WHERE {DAY} AND outcome = 'ok'")
    hits = site.ask(f"SELECT sum(cache_hit) FROM local_alx_api_logs WHERE {DAY}")
    assert figure(page, "calls") == comma(calls)
    assert figure(page, "success-rate") == percent(good, calls)
    assert figure(page, "cache-hit-rate") == percent(hits, good)
    assert figure(page, "records") == comma(site.ask("SELECT sum(row_count) FROM companies"))
    served = comma(site.ask(f"SELECT sum(rows) FROM local_alx_api_logs WHERE {DAY}"))
    expect(page.locator("#card-records")).to_contain_text(f"{served} served")
    exact = (
        f"SELECT percentile_disc(:share) WITHIN GROUP (ORDER BY response_time_ms) FROM local_alx_api_logs WHERE {DAY}"
    )
    assert float(figure(page, "response-time").removesuffix(" ms")) == pytest.approx(
        site.ask(exact, share=0.5), rel=0.03
    )
    mean = site.ask(f"SELECT avg(response_time_ms) FROM local_alx_api_logs WHERE {DAY}")
    expect(page.locator("#card-response-time")).to_contain_text(f"mean {mean:.1f} ms")
    page.get_by_text("Figures as a table").click()
    hours = cells(page, "hours")
    assert len(hours) == 24
    for index, row in enumerate(hours):
        start = HOUR - (23 - index) * 3600
        hour = (
            f"FROM local_alx_api_logs WHERE timeaccessed >= {start * 1000} AND timeaccessed < {(start + 3600) * 1000}"
        )
        assert row[1] == comma(site.ask(f"SELECT count(*) {hour}"))
        for cell, share in ((row[2], 0.5), (row[3], 0.95)):
            value = site.ask(f"SELECT percentile_disc({share}) WITHIN GROUP (ORDER BY response_time_ms) {hour}")
            assert float(cell.removesuffix(" ms")) == pytest.approx(value, rel=0.03, abs=0.6)
    consumers = cells(page, "consumers")
    top = site.ask(f"SELECT count(*) FROM local_alx_api_logs WHERE {DAY} AND companyid = 1")
    assert consumers[0][0].startswith(HOSTILE)
    assert consumers[0][1:3] == [comma(top), percent(top, calls)]


def test_every_figure_of_security_is_that_of_the_tables(site: Site, make_page: MakePage) -> None:
    page = make_page()
    page.goto(f"{site.url}/status?tab=security")
    alive = f"revoked_at IS NULL AND (expires_at IS NULL OR expires_at > {NOW}) AND owner_state = 'active'"
    served = "SELECT companyid FROM companies WHERE suspended = 0 AND is_deleted = 0"
    let_in = f"SELECT count(*) FROM api_tokens WHERE {alive} AND companyid IN ({served})"
    assert figure(page, "active-tokens") == comma(site.ask(let_in))
    refused = f"SELECT count(*) FROM local_alx_api_logs WHERE {DAY} AND outcome = 'ratelimitexceeded'"
    assert figure(page, "violations") == comma(site.ask(refused))
    failed = f"SELECT count(*) FROM local_alx_api_logs WHERE {DAY} AND outcome = 'invalidtoken'"
    assert figure(page, "failed-auth") == comma(site.ask(failed)) == "64"
    assert figure(page, "suspicious") == "2"  # the address, and one unusual_activity
    assert [row[:5] for row in cells(page, "violations")] == [
        ["Northwind Rail company02", "Used up", "120 of 120", "100 %", comma(site.ask(refused))],
        ["Acme Manufacturing company03", "Near", "431 of 500", "86.2 %", "0"],
    ]
    assert cells(page, "violations")[0][6] == "25 Nov 01:00"  # midnight UTC, seen from Berlin
    errors = sum(int(row[3].replace(",", "")) for row in cells(page, "errors"))
    assert errors == site.ask(f"SELECT count(*) FROM local_alx_api_logs WHERE {DAY} AND outcome <> 'ok'")
    open_alerts = site.ask("SELECT count(*) FROM local_alx_api_alerts WHERE state <> 'resolved'")
    assert page.locator("#alerts > li").count() == open_alerts == 3
    first = page.locator("#alerts > li").first
    expect(first).to_contain_text("64 failed authentications from 203.0.113.77")
    expect(first).to_contain_text("open for 5 h")
    expect(first).to_contain_text("Block the address at the proxy.")


def test_tabs_are_changed_by_keyboard_and_stay_in_the_address(site: Site, make_page: MakePage) -> None:
    page = make_page()
    page.goto(f"{site.url}/status")
    tabs = page.get_by_role("tab")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Auto-Sync")
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.getAttribute('role')") != "tab":
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Performance")
    expect(page).to_have_url(re.compile(r"tab=performance$"))
    expect(page.locator("#card-calls")).to_be_visible()
    page.keyboard.press("End")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Security")
    expect(page.get_by_role("tabpanel", name="Security")).to_contain_text("Open alerts")
    assert page.evaluate("document.activeElement.textContent") == "Security"
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Auto-Sync")
    page.go_back()
    expect(page.get_by_role("tab", selected=True)).to_have_text("Security")
    assert tabs.count() == 3


def test_filter_and_sort_go_into_the_address_and_survive_a_reload(site: Site, make_page: MakePage) -> None:
    page = make_page()
    page.goto(f"{site.url}/status")
    page.get_by_role("searchbox").fill("air")
    expect(page.locator("#companies tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"q=air"))
    page.get_by_role("searchbox").fill("")
    expect(page.locator("#companies tbody tr")).to_have_count(25)
    page.get_by_role("link", name="Records").click()
    expect(page.locator('th[aria-sort="descending"]')).to_have_text(re.compile("Records"))
    records = [int(row[3].replace(",", "")) for row in cells(page, "companies")]
    assert records == sorted(records, reverse=True)
    page.get_by_label("State").select_option("failed")
    expect(page.locator("#companies tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator("#companies tbody tr")).to_have_count(1)
    expect(page.get_by_label("State")).to_have_value("failed")


def test_the_page_refreshes_itself_without_losing_anything(own_site: Site, make_page: MakePage) -> None:
    page = make_page()
    page.clock.install()
    page.goto(f"{own_site.url}/status?sort=name&tab=sync")
    page.get_by_text("Figures as a table").click()
    page.get_by_role("searchbox").focus()
    page.evaluate("scrollTo(0, 300); document.querySelector('#companies').dataset.mark = 'same'; window.mark = 1")
    page.evaluate("document.querySelector('#companies tbody tr').mark = 'same row'")
    with transaction(own_site.engine) as connection:
        connection.execute(text("UPDATE companies SET row_count = 7777777 WHERE companyid = 3"))
    own_site.clock.now += 30
    page.clock.fast_forward(31_000)
    expect(page.locator("#companies")).to_contain_text("7,777,777")
    assert page.evaluate("window.mark") == 1, "the page was loaded anew"
    assert page.evaluate("document.querySelector('#companies tbody tr').mark") == "same row"
    assert page.evaluate("scrollY") == 300
    assert page.evaluate("document.activeElement.id") == "q"
    expect(page.locator("#days")).to_be_visible()
    expect(page).to_have_url(re.compile("sort=name"))


def test_a_hidden_page_asks_nothing(own_site: Site, make_page: MakePage) -> None:
    page = make_page()
    page.clock.install()
    page.goto(f"{own_site.url}/status")
    page.wait_for_load_state("networkidle")  # the tab's icon comes last
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.clock.fast_forward(120_000)
    assert [url for url in asked if "/static/" not in url] == []
    with page.expect_response(f"{own_site.url}/status"):
        page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: false, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )


def test_a_server_that_does_not_answer_is_told_and_the_figures_stay(own_site: Site, make_page: MakePage) -> None:
    page = make_page(notes=FAILED_REQUEST)
    page.clock.install()
    page.goto(f"{own_site.url}/status")
    page.route("**/status*", lambda route: route.abort())
    page.clock.fast_forward(31_000)
    expect(page.locator(".updated")).to_contain_text("No answer from the server. Figures are of 09:30")
    assert figure(page, "companies") == "30"
    page.unroute("**/status*")
    page.clock.fast_forward(31_000)
    expect(page.locator(".updated")).to_have_text("Updated 09:30")


@pytest.mark.parametrize("tab", Tab)
def test_everything_is_there_without_scripts(site: Site, make_page: MakePage, tab: Tab) -> None:
    page = make_page(java_script_enabled=False)
    page.goto(f"{site.url}/status")
    page.get_by_role("navigation", name="Views").get_by_role("link", name=tab.label).click()
    assert f"tab={tab}" in page.url
    expect(page.locator(".tabs [aria-current]")).to_have_text(tab.label)
    assert page.locator(".card .figure").count() in (4, 5)
    for table in {Tab.SYNC: ["days", "companies"], Tab.PERFORMANCE: ["hours", "consumers"], Tab.SECURITY: ["errors"]}[
        tab
    ]:
        expect(page.locator(f"#{table} tbody tr").first).to_be_visible()
    expect(page.locator("time").first).to_contain_text("UTC")
    expect(page.locator(".plot")).to_have_count(0 if tab is Tab.SECURITY else 1)
    if tab is Tab.SYNC:
        page.get_by_role("searchbox").fill("air")
        page.get_by_role("button", name="Filter").click()
        expect(page.locator("#companies tbody tr")).to_have_count(1)


def test_times_are_in_the_viewers_zone_with_the_absolute_time_on_hover(site: Site, make_page: MakePage) -> None:
    page = make_page(timezone_id="Asia/Kolkata")
    page.goto(f"{site.url}/status")
    expect(page.locator(".updated time")).to_have_text("14:00")
    title = page.locator("#card-last-sync .figure time").get_attribute("title")
    assert title is not None
    assert "13:35:08" in title
    assert "24 Nov 2026, 08:05:08 UTC" in title


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", Tab)
def test_axe_finds_nothing_to_complain_about(site: Site, make_page: MakePage, tab: Tab, scheme: str) -> None:
    page = make_page(color_scheme=scheme, bypass_csp=True)  # axe itself is injected
    page.goto(f"{site.url}/status?tab={tab}")
    expect(page.get_by_role("tab", selected=True)).to_have_text(tab.label)
    found = run_axe(page)
    assert found == []


def test_dark_is_dark_and_light_is_light(site: Site, make_page: MakePage) -> None:
    def lightness(page: Page) -> int:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in re.findall(r"\d+", colour)[:3])

    light, dark = make_page(color_scheme="light"), make_page(color_scheme="dark")
    for page in (light, dark):
        page.goto(f"{site.url}/status")
    assert lightness(light) > 700
    assert lightness(dark) < 100


LINES_OF_LABELS = """cells => cells.map(cell => {
  const label = getComputedStyle(cell, "::before");
  return parseFloat(label.height) / parseFloat(label.lineHeight);
})"""


@pytest.mark.parametrize("width", [360, 480])
def test_on_a_phone_no_label_of_the_company_table_breaks(site: Site, make_page: MakePage, width: int) -> None:
    page = make_page(viewport={**PHONE, "width": width})
    page.goto(f"{site.url}/status")
    lines = page.locator("#companies td[data-label]:not([data-label='State'], [data-label='Synced'])")
    assert set(lines.evaluate_all(LINES_OF_LABELS)) == {1}


@pytest.mark.parametrize("tab", Tab)
@pytest.mark.parametrize("width", [360, 768, 1240])
def test_nothing_scrolls_sideways(site: Site, make_page: MakePage, tab: Tab, width: int) -> None:
    page = make_page(viewport={**PHONE, "width": width})
    page.goto(f"{site.url}/status?tab={tab}")
    expect(page.get_by_role("tab", selected=True)).to_have_text(tab.label)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("tab", Tab)
def test_a_company_called_script_is_a_name(site: Site, make_page: MakePage, tab: Tab) -> None:
    page = make_page()
    page.goto(f"{site.url}/status?tab={tab}&q={HOSTILE}")
    expect(page.get_by_text(HOSTILE, exact=True).first).to_be_visible()
    assert page.evaluate("[...document.scripts].filter((each) => !each.src).length") == 0


def test_the_run_the_hour_and_the_schedule_lead_to_dagit(site: Site, make_page: MakePage) -> None:
    page = make_page()
    page.goto(f"{site.url}/status")
    links = [link.get_attribute("href") for link in page.locator(".cards a").all()]
    base = "http://127.0.0.1:3000"
    assert f"{base}/runs/5f0c7d1e-0000-4000-8000-000000000168" in links
    assert f"{base}/assets/reporting_table?view=partitions&partition=2026-11-24-07%3A00" in links
    assert f"{base}/locations/alx_pipeline/schedules/hourly_sync_schedule" in links


def test_the_data_are_the_figures_of_the_page(site: Site, make_page: MakePage) -> None:
    page = make_page()
    data = {tab: json.loads(page.request.get(f"{site.url}/status/data/{tab}").text()) for tab in Tab}
    page.goto(f"{site.url}/status?tab=performance")
    assert figure(page, "calls") == comma(data[Tab.PERFORMANCE]["total"]["calls"])
    page.goto(f"{site.url}/status?tab=security")
    assert figure(page, "active-tokens") == comma(data[Tab.SECURITY]["tokens"]["active"])
    assert page.locator("#alerts > li").count() == data[Tab.SECURITY]["alerts_total"]
    assert data[Tab.SYNC]["companies"]["matching"] == len(NAMES)
