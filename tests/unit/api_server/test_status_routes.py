"""The routes: headers, escaping, data, and what is said when there is nothing to show."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import falcon.testing
import pytest
from sqlalchemy import Engine, delete, event, insert, update
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from alx_core.store.engine import transaction
from alx_core.store.tables import alerts, companies, company_settings
from api_server.database import Database
from api_server.status.address import Tab
from api_server.status.routes import add_status_routes
from support.reporting_databases import migrated_engine
from support.status_server import make_settings, make_status_app
from support.status_site import HOSTILE, fill, make_alert, make_company

NOW = 1_795_507_200 + 1_800
LOCAL = {"Host": "127.0.0.1:8000"}


def make_client(url: URL, **settings: object) -> falcon.testing.TestClient:
    text = url.render_as_string(hide_password=False)
    return falcon.testing.TestClient(make_status_app(make_settings(text, **settings), lambda: NOW), headers=LOCAL)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[falcon.testing.TestClient]:
    """The page over a busy week."""
    with migrated_engine("sqlite", tmp_path_factory.mktemp("week")) as engine:
        fill(engine, NOW)
        yield make_client(engine.url)


@pytest.mark.parametrize("path", ["/status", "/status?tab=security", "/status/data/sync", "/status/session"])
def test_every_answer_is_locked_down(client: falcon.testing.TestClient, path: str) -> None:
    headers = client.simulate_get(path).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("tab", Tab)
def test_no_tab_has_inline_script_or_style(client: falcon.testing.TestClient, tab: Tab) -> None:
    page = client.simulate_get(f"/status?tab={tab}").text
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", page, re.IGNORECASE) == []


@pytest.mark.parametrize("path", ["?tab=sync&q=%3Cscript", "?tab=performance", "?tab=security", f"?q={HOSTILE}"])
def test_a_hostile_name_is_text(client: falcon.testing.TestClient, path: str) -> None:
    page = client.simulate_get(f"/status{path}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert HOSTILE not in page


@pytest.mark.parametrize("tab", Tab)
def test_the_data_of_each_tab_are_json_that_cannot_be_taken_for_a_page(
    client: falcon.testing.TestClient, tab: Tab
) -> None:
    answer = client.simulate_get(f"/status/data/{tab}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json["health"]["freshness"] == "fresh"


def test_filters_count_for_the_data_too(client: falcon.testing.TestClient) -> None:
    page = client.simulate_get("/status/data/sync?q=NORTHWIND&sort=rows&dir=desc").json["companies"]
    assert [row["name"] for row in page["rows"]] == ["Northwind Rail"]
    assert page["matching"] == 1


@pytest.mark.parametrize(
    "path", ["/status/data/none", "/status/static/none.js", "/status/static/CHECKSUMS", "/status/x"]
)
def test_what_is_not_there_is_404(client: falcon.testing.TestClient, path: str) -> None:
    assert client.simulate_get(path).status_code == 404


def test_files_of_a_known_version_are_kept_for_ever_and_others_asked_for_again(
    client: falcon.testing.TestClient,
) -> None:
    address = re.search(r'href="(/status/static/status\.css\?v=\w+)"', client.simulate_get("/status").text)
    assert address is not None
    assert "immutable" in client.simulate_get(address[1]).headers["cache-control"]
    assert client.simulate_get("/status/static/status.css?v=old").headers["cache-control"] == "no-cache"


def test_a_stranger_is_told_why_and_what_to_do(client: falcon.testing.TestClient) -> None:
    for path in ("/status", "/status/login", "/status/data/sync"):
        answer = client.simulate_get(path, remote_addr="192.0.2.1")
        assert answer.status_code == 403
        assert "ALX_STATUS_PASSWORD" in answer.text
        assert "Northwind" not in answer.text


def test_a_page_beyond_the_last_one_is_the_last_one(client: falcon.testing.TestClient) -> None:
    last, beyond = (client.simulate_get(f"/status/data/sync?page={page}").json["companies"] for page in (2, 999))
    assert last == beyond
    assert last["page"] == last["pages"] == 2


def test_without_the_database_the_page_says_so_and_asks_to_come_again() -> None:
    gone = URL.create("postgresql+psycopg", "nobody", "secret", "127.0.0.1", 1, "nothing")
    client = make_client(gone)
    with capture_logs() as logs:
        page = client.simulate_get("/status?tab=performance")
    assert page.status_code == 503
    assert page.headers["retry-after"] == "15"
    assert "The reporting database does not answer." in page.text
    data = client.simulate_get("/status/data/performance")
    assert data.status_code == 503
    assert "does not answer" in data.json["detail"]
    assert not {"secret", "nobody"} & set(re.findall(r"\w+", page.text + data.text))
    assert "postgresql://nobody:***@127.0.0.1:1/nothing did not answer" in logs[-1]["error"], "the log names it"


def test_a_database_without_tables_is_a_first_run_not_an_outage(reporting_url: URL) -> None:
    answer = make_client(reporting_url).simulate_get("/status")
    assert answer.status_code == 503
    assert "is not set up yet" in answer.text
    assert "<code>alx migrate</code>" in answer.text


@pytest.mark.parametrize("tab", Tab)
def test_an_empty_database_is_a_page_like_any_other(reporting_engine: Engine, tab: Tab) -> None:
    answer = make_client(reporting_engine.url).simulate_get(f"/status?tab={tab}")
    assert answer.status_code == 200
    assert "No sync yet" in answer.text


@pytest.mark.parametrize(
    ("tab", "companies_of", "used", "limit"),
    [(Tab.PERFORMANCE, "consumers", "quota_used", "quota_limit"), (Tab.SECURITY, "violations", "used", "limit")],
)
def test_a_quota_that_is_no_number_counts_as_the_next_one_that_holds(
    reporting_engine: Engine, tab: Tab, companies_of: str, used: str, limit: str
) -> None:
    fill(reporting_engine, NOW)
    is_quota = company_settings.c.setting_name == "rate_limit"
    with transaction(reporting_engine) as connection:
        connection.execute(update(company_settings).where(is_quota).values(setting_value="abc"))
    client = make_client(reporting_engine.url)
    assert client.simulate_get(f"/status?tab={tab}").status_code == 200
    shown = client.simulate_get(f"/status/data/{tab}").json[companies_of]
    assert {each[limit] for each in shown if each[used]} == {100}, "the default"


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def count_queries(url: URL, tab: Tab) -> list[int]:
    """The statements of a process's first look, and of its second."""
    database = Database(url)
    app = falcon.App()
    settings = make_settings(url.render_as_string(hide_password=False))
    add_status_routes(app, database=database, settings=settings, clock=lambda: NOW)
    client = falcon.testing.TestClient(app, headers=LOCAL)
    numbers = []
    with database.connection():
        for _ in range(2):
            with counted(database.engine) as statements:
                assert client.simulate_get(f"/status?tab={tab}").status_code == 200
            numbers.append(len(statements))
    database.close()
    return numbers


def test_ten_times_the_companies_take_no_more_queries(reporting_engine: Engine) -> None:
    fill(reporting_engine, NOW)
    few = {tab: count_queries(reporting_engine.url, tab) for tab in Tab}
    with transaction(reporting_engine) as connection:
        connection.execute(companies.insert(), [make_company(companyid) for companyid in range(100, 500)])
    many = {tab: count_queries(reporting_engine.url, tab) for tab in Tab}
    assert few == many
    assert max(max(numbers) for numbers in few.values()) <= 10
    with transaction(reporting_engine) as connection:
        connection.execute(delete(companies))
    assert {tab: count_queries(reporting_engine.url, tab) for tab in Tab} == few


def test_the_tab_performance_begins_with_an_open_alert_about_the_api(reporting_engine: Engine) -> None:
    """Slack's link leads here, and the figures of all companies may be well."""
    rows = [
        make_alert(alert="failed_auth", severity="critical"),
        make_alert(alert="api_slow", subject="acme", title="The API is slow for acme", opened_at=NOW - 60),
        make_alert(alert="api_success_rate", subject="beta", title="Refuses beta", opened_at=NOW - 30),
        make_alert(alert="api_slow", subject="old", state="resolved", opened_at=NOW - 90, resolved_at=NOW),
    ]
    with transaction(reporting_engine) as connection:
        connection.execute(insert(alerts), rows)
    client = make_client(reporting_engine.url)
    named = [each["subject"] for each in client.simulate_get("/status/data/performance").json["alerts"]]
    assert named == ["acme", "beta"]
    assert "The API is slow for acme" in client.simulate_get("/status?tab=performance").text
