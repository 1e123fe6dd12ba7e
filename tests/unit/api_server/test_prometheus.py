"""`/metrics`: figures that Prometheus can read, for those who may."""

from collections.abc import Iterator
from pathlib import Path

import falcon
import pytest
from falcon import testing
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, insert, select

from alx_core.settings import Settings
from alx_core.store.engine import transaction
from alx_core.store.tables import request_log, status_logins, sync_runs
from api_server.database import Database
from api_server.resources.prometheus import PrometheusResource
from support.databases import plain
from support.requests import HOUR, add_companies, log_requests, make_refusal, make_request

NOW = HOUR + 1800


@pytest.fixture
def client(reporting_engine: Engine, tmp_path: Path) -> Iterator[testing.TestClient]:
    settings = Settings(home=tmp_path, database_url=plain(reporting_engine.url), status_password="let me in")
    database = Database(reporting_engine.url)
    app = falcon.App()
    app.add_route("/metrics", PrometheusResource(database, settings, lambda: NOW))
    yield testing.TestClient(app)
    database.close()


def scrape(client: testing.TestClient) -> dict[str, float]:
    answer = client.simulate_get("/metrics", host="localhost")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {f"{each.name}{''.join(each.labels.values())}": each.value for family in families for each in family.samples}


def test_an_installation_that_never_synced_is_stale(client: testing.TestClient) -> None:
    found = scrape(client)
    assert (found["alx_sync_stale"], found["alx_reporting_rows"], found["alx_api_requests_24h"]) == (1, 0, 0)
    assert "alx_sync_last_success_timestamp_seconds" not in found


def test_the_figures_are_those_of_the_tables(client: testing.TestClient, reporting_engine: Engine) -> None:
    add_companies(reporting_engine, ["acme", "beta"], rows=40)
    window = {"window_start": HOUR - 3600, "window_end": HOUR, "as_of": HOUR + 300}
    run = {"kind": "hourly", "status": "succeeded", "started_at": HOUR + 300, "finished_at": HOUR + 310, **window}
    with transaction(reporting_engine) as connection:
        connection.execute(insert(sync_runs).values(**run))
    late = make_request(outcome="ratelimitexceeded")
    log_requests(reporting_engine, [*(make_request(cache_hit=1) for _ in range(8)), late, make_refusal()])
    found = scrape(client)
    assert (found["alx_sync_stale"], found["alx_sync_last_success_timestamp_seconds"]) == (0, HOUR + 310)
    assert (found["alx_reporting_rows"], found["alx_api_requests_24h"], found["alx_api_errors_24h"]) == (80, 10, 2)
    assert (found["alx_api_failed_authentications_24h"], found["alx_api_quota_refusals_24h"]) == (1, 1)
    assert found["alx_api_cache_hits_24h"] == 8
    assert found["alx_api_response_seconds_24h0.95"] == pytest.approx(0.010, rel=0.03)
    assert found["alx_alerts_opencritical"] == 0


def test_no_company_is_named(client: testing.TestClient, reporting_engine: Engine) -> None:
    add_companies(reporting_engine, ["acme"], rows=1)
    log_requests(reporting_engine, [make_request()])
    assert "acme" not in client.simulate_get("/metrics", host="localhost").text


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        ("Basic !!!", 401),
        ("Basic \xff", 401),
        ("Bearer let me in", 200),
        ("Basic eDpsZXQgbWUgaW4=", 200),  # x:let me in
    ],
)
def test_another_machine_needs_the_password(client: testing.TestClient, authorization: str, status: int) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = client.simulate_get("/metrics", headers=headers, remote_addr="192.0.2.7")
    assert answer.status_code == status
    assert ("alx_sync_stale" in answer.text) == (status == 200)


def test_whoever_tries_passwords_is_stopped_as_on_the_page_and_nobody_else_is(client: testing.TestClient) -> None:
    def ask(password: str, peer: str) -> int:
        headers = {"Authorization": f"Bearer {password}"}
        return client.simulate_get("/metrics", headers=headers, remote_addr=peer).status_code

    assert [ask(f"guess {n}", "192.0.2.7") for n in range(12)] == [401] * 10 + [429] * 2
    assert ask("let me in", "192.0.2.7") == 429
    assert ask("let me in", "192.0.2.8") == 200


def test_a_scrape_with_the_right_password_writes_nothing(client: testing.TestClient, reporting_engine: Engine) -> None:
    headers = {"Authorization": "Bearer let me in"}
    for _ in range(12):
        assert client.simulate_get("/metrics", headers=headers, remote_addr="192.0.2.7").status_code == 200
    with reporting_engine.connect() as connection:
        assert connection.execute(select(status_logins)).all() == []
        assert connection.execute(select(request_log)).all() == []


def test_without_a_password_no_other_machine_is_answered(reporting_engine: Engine, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=plain(reporting_engine.url))
    database = Database(reporting_engine.url)
    app = falcon.App()
    app.add_route("/metrics", PrometheusResource(database, settings, lambda: NOW))
    assert testing.TestClient(app).simulate_get("/metrics", remote_addr="192.0.2.7").status_code == 403
    database.close()
