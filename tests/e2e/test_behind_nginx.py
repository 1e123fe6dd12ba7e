"""The installation as it is reached from outside: by the nginx that `deploy/` has, over TLS, under names of its own."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine

from support.api import PATH, TOKENS, form, logged, served
from support.nginx import DAGIT, OPERATOR, REPORTS, Proxy, nginx, plain_nginx
from support.power_query import Report
from support.site import expected_rows
from support.stack import Stack, wait_for

pytestmark = pytest.mark.slow

PASSWORD = "sesam"
ANALYST, STRANGER = "127.0.0.2", "127.0.0.3"
"""Addresses of clients; nginx itself asks from 127.0.0.1."""


@pytest.fixture(scope="module")
def stack(site_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("behind")
    environment = {
        "ALX_MOODLE_URL": f"sqlite:///{site_file}",
        "ALX_TRUSTED_PROXIES": "127.0.0.1",
        "ALX_STATUS_PASSWORD": PASSWORD,
        "ALX_PUBLIC_URL": f"https://{REPORTS}",
        "ALX_DAGSTER_URL": f"https://{DAGIT}",
    }
    made = Stack(folder / "home", environment)
    for arguments in (("sync",), ("token", "import-moodle"), ("company", "set", "acme", "allow_get=1")):
        assert made.alx(*arguments).returncode == 0
    with made.up():
        yield made
    made.kill()


@pytest.fixture(scope="module")
def proxy(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with nginx(tmp_path_factory.mktemp("nginx"), api_port=stack.api_port, dagit_port=stack.dagit_port) as running:
        yield running


def client(proxy: Proxy, name: str = REPORTS, *, source: str = ANALYST) -> httpx.Client:
    """A client at this address, which knows the name and checks the certificate."""
    context = ssl.create_default_context(cafile=proxy.authority)
    transport = httpx.HTTPTransport(verify=context, local_address=source)

    def by_name(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = name

    return httpx.Client(
        base_url=f"https://127.0.0.1:{proxy.port}",
        headers={"Host": name},
        transport=transport,
        event_hooks={"request": [by_name]},
        timeout=30,
    )


def test_a_report_reads_its_company_to_the_last_row(proxy: Proxy) -> None:
    with client(proxy) as analyst:
        rows = Report(analyst, TOKENS["acme"], limit=100).until_empty()
    acme = {(int(user), int(course)) for company, user, course in expected_rows() if int(company) == 1}
    assert {(row["userid"], row["courseid"]) for row in rows} == acme
    assert len(rows) == len(acme)


def test_alx_up_names_the_addresses_that_people_use(stack: Stack) -> None:
    said = wait_for(lambda: "Ctrl-C" in stack.log and stack.log, timeout_s=30, describe="the end of the start")
    assert f"https://{REPORTS}/status\n" in said
    assert f"https://{DAGIT}\n" in said


def test_a_page_is_sent_compressed_to_who_asks_for_it(proxy: Proxy) -> None:
    with client(proxy) as analyst:
        pages = [
            analyst.post(PATH, data=form(TOKENS["beta"]), headers={"Accept-Encoding": coding})
            for coding in ("gzip", "identity")
        ]
    assert [page.headers.get("Content-Encoding") for page in pages] == ["gzip", None]
    assert pages[0].json() == pages[1].json()


def test_a_token_is_bound_to_the_address_of_the_client_whatever_that_claims(stack: Stack, proxy: Proxy) -> None:
    made = stack.alx("token", "create", "--company", "gamma", "--name", "bound", "--allow-ip", ANALYST)
    call = form(made.stdout.strip(), limit=1)
    with client(proxy) as analyst, client(proxy, source=STRANGER) as stranger:
        assert isinstance(analyst.post(PATH, data=call).json(), list)
        refused = stranger.post(PATH, data=call, headers={"X-Forwarded-For": ANALYST}).json()
    assert refused["errorcode"] == "accessexception"
    engine, both = create_engine(f"sqlite:///{stack.home}/alx.sqlite"), [(ANALYST, "ok"), (STRANGER, "accessexception")]
    wait_for(
        lambda: [(row["ip_address"], row["outcome"]) for row in logged(engine)[-2:]] == both,
        timeout_s=20,
        describe="both in the log by their own addresses",
    )
    engine.dispose()


def test_a_token_in_a_url_is_not_in_the_proxys_log(proxy: Proxy) -> None:
    with client(proxy) as analyst:
        assert isinstance(analyst.get(PATH, params=form(TOKENS["acme"], limit=1)).json(), list)
    logged = proxy.access_log.read_text()
    assert f"GET {PATH} 200" in logged
    assert TOKENS["acme"] not in logged


def test_the_status_page_asks_for_its_password_and_its_cookie_goes_by_tls_alone(proxy: Proxy) -> None:
    with client(proxy) as operator:
        asked = operator.get("/status", follow_redirects=True)
        assert asked.url.path == "/status/login"
        entered = operator.post("/status/login", data={"password": PASSWORD})
        assert "secure" in entered.headers["Set-Cookie"].lower()
        assert f"https://{DAGIT}" in operator.get("/status", headers={"Cookie": cookie_of(entered)}).text


def cookie_of(answer: httpx.Response) -> str:
    """The cookie that was set; httpx keeps none for a name that is not the URL's."""
    return answer.headers["Set-Cookie"].partition(";")[0]


UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==", "Sec-WebSocket-Protocol": "graphql-ws",
}  # fmt: skip
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
FOREIGN_PAGES = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": f"https://{REPORTS}"},
    {"Origin": "https://evil.example"},
    {"Origin": f"https://{DAGIT}.evil.example"},
    {"Origin": "null"},
)
SET_LIMIT = {"query": 'mutation { setConcurrencyLimit(concurrencyKey: "of_another_site", limit: 7) }'}
VERSION = {"query": "{ version }"}


def test_dagit_wants_a_password_and_tells_news_by_websocket(proxy: Proxy) -> None:
    with client(proxy, DAGIT) as operator:
        assert operator.get("/").status_code == 401
        assert "Dagster" in operator.get("/", auth=OPERATOR).text
        for own in ({}, OWN_PAGE | {"Origin": f"https://{DAGIT}:{proxy.port}", "Host": f"{DAGIT}:{proxy.port}"}):
            with operator.stream("GET", "/graphql", auth=OPERATOR, headers=UPGRADE | own) as answer:
                assert (answer.status_code, answer.headers["Upgrade"]) == (101, "websocket")
            assert "version" in operator.post("/graphql", json=VERSION, auth=OPERATOR, headers=own).json()["data"]


@pytest.mark.parametrize("foreign", FOREIGN_PAGES, ids=str)
def test_a_page_of_another_site_does_not_use_the_password_of_who_looks_at_it(
    proxy: Proxy, foreign: dict[str, str]
) -> None:
    with client(proxy, DAGIT) as operator:
        refused = [
            operator.post("/graphql", json=SET_LIMIT, auth=OPERATOR, headers=foreign),
            operator.post("/graphql", params=SET_LIMIT, auth=OPERATOR, headers=foreign),
            operator.post("/report_asset_materialization/reporting_table", auth=OPERATOR, headers=foreign),
            operator.get("/graphql", auth=OPERATOR, headers=UPGRADE | foreign),
            operator.get("/graphql", params=SET_LIMIT, auth=OPERATOR),
        ]
        assert [by_nginx(answer) for answer in refused] == [403] * len(refused)
        assert operator.get("/assets/reporting_table", auth=OPERATOR, headers=foreign).status_code == 200, "a link"


def by_nginx(answer: httpx.Response) -> int:
    """The status that nginx itself answered."""
    assert "<center>nginx" in answer.text
    return answer.status_code


def test_without_a_password_a_plain_proxy_on_this_machine_opens_nothing(tmp_path: Path) -> None:
    with served("sqlite", tmp_path, {}) as (_, api), plain_nginx(tmp_path, api_port=api.port) as port:
        for path in ("/status", "/status/data/sync", "/metrics"):
            through = httpx.get(f"http://127.0.0.1:{port}{path}", headers={"Host": "localhost"}, trust_env=False)
            assert (through.status_code, httpx.get(f"{api.url}{path}", trust_env=False).status_code) == (403, 200)
