"""Giving the password: cookies, limits for all processes together, and nowhere to be led astray."""

import base64
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import falcon.testing
import pytest
from sqlalchemy import Engine, delete

from alx_core.store.engine import transaction
from alx_core.store.tables import status_logins
from api_server.status.login import MAX_ATTEMPTS
from api_server.status.session import COOKIE
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine
from support.status_server import make_settings, make_status_app

PASSWORD = "correct horse"
NOW = 1_795_507_200.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

MakeClient = Callable[..., falcon.testing.TestClient]


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A reporting database of each kind."""
    with migrated_engine(request.param, tmp_path_factory.mktemp("logins")) as made:
        yield made


@pytest.fixture
def make_client(engine: Engine) -> MakeClient:
    """A function that makes one more process of the API over the same database, where nobody has tried yet."""
    with transaction(engine) as connection:
        connection.execute(delete(status_logins))
    url = engine.url.render_as_string(hide_password=False)

    def make(password: str | None = PASSWORD, now: float = NOW) -> falcon.testing.TestClient:
        app = make_status_app(make_settings(url, status_password=password), lambda: now)
        return falcon.testing.TestClient(app, headers={"Host": "127.0.0.1"})

    return make


def log_in(
    client: falcon.testing.TestClient, password: str = PASSWORD, *, address: str = "192.0.2.1", **more: Any
) -> falcon.testing.Result:
    body = urlencode({"password": password, "next": more.pop("next", "/status?tab=security")})
    headers = {**FORM, **more.pop("headers", {})}
    return client.simulate_post("/status/login", body=body, headers=headers, remote_addr=address, **more)


def test_whoever_has_no_session_is_led_to_the_login_and_back(make_client: MakeClient) -> None:
    client = make_client()
    sent = client.simulate_get("/status?tab=security")
    assert (sent.status_code, sent.headers["location"]) == (303, "/status/login?next=%2Fstatus%3Ftab%3Dsecurity")
    form = client.simulate_get(sent.headers["location"])
    assert 'name="next" value="/status?tab=security"' in form.text
    done = log_in(client)
    assert (done.status_code, done.headers["location"]) == (303, "/status?tab=security")


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(make_client: MakeClient) -> None:
    cookie = log_in(make_client()).cookies[COOKIE]
    assert (cookie.http_only, cookie.same_site, cookie.path, cookie.secure) == (True, "Strict", "/status", False)


def test_the_cookie_is_secure_when_the_request_came_by_https(make_client: MakeClient) -> None:
    assert log_in(make_client(), protocol="https").cookies[COOKIE].secure
    assert log_in(make_client(), headers={"X-Forwarded-Proto": "https"}).cookies[COOKIE].secure


def test_a_session_opens_the_page_in_every_process_until_it_ends(make_client: MakeClient) -> None:
    header = {"Cookie": f"{COOKIE}={log_in(make_client()).cookies[COOKIE].value}"}
    for path in ("/status", "/status/data/sync"):
        assert make_client().simulate_get(path, headers=header).status_code == 200
        assert make_client(now=NOW + 13 * 3600).simulate_get(path, headers=header).status_code in (303, 401)
        assert make_client(password="another one").simulate_get(path, headers=header).status_code in (303, 401)


def test_the_data_ask_for_the_password_with_401(make_client: MakeClient) -> None:
    answer = make_client().simulate_get("/status/data/sync")
    assert answer.status_code == 401
    assert "password" in answer.json["detail"]


def test_programs_send_the_password_with_each_request_for_data(make_client: MakeClient) -> None:
    client = make_client()

    def ask(password: str) -> int:
        credentials = base64.b64encode(f"x:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        return client.simulate_get("/status/data/sync", headers=headers).status_code

    assert ask(PASSWORD) == 200
    assert [ask(f"guess {n}") for n in range(12)] == [401] * 10 + [429] * 2
    assert ask(PASSWORD) == 429


def test_a_wrong_password_gives_no_session(make_client: MakeClient) -> None:
    answer = log_in(make_client(), "wrong")
    assert answer.status_code == 403
    assert COOKIE not in answer.cookies
    assert "That is not the password." in answer.text


@pytest.mark.parametrize("body", ["", "password", "password=", "=", "%ff=%ff", "x" * 10_000])
def test_a_form_that_is_none_is_a_wrong_password(make_client: MakeClient, body: str) -> None:
    assert make_client().simulate_post("/status/login", body=body, headers=FORM).status_code == 403


def test_attempts_of_one_address_are_limited_over_all_processes_together(make_client: MakeClient) -> None:
    workers = [make_client(), make_client()]
    codes = [log_in(workers[number % 2], "wrong").status_code for number in range(MAX_ATTEMPTS + 2)]
    assert codes == [403] * MAX_ATTEMPTS + [429] * 2
    refused = log_in(workers[0])  # the right one, and yet
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "900"
    assert log_in(workers[0], address="192.0.2.2").status_code == 303


def test_the_limit_ends_with_the_quarter_of_an_hour(make_client: MakeClient) -> None:
    client = make_client()
    for _ in range(MAX_ATTEMPTS + 1):
        log_in(client, "wrong")
    assert log_in(make_client(now=NOW + 900)).status_code == 303


def test_whoever_knew_the_password_begins_anew(make_client: MakeClient) -> None:
    client = make_client()
    for _ in range(MAX_ATTEMPTS - 1):
        log_in(client, "wrong")
    assert log_in(client).status_code == 303
    assert [log_in(client, "wrong").status_code for _ in range(MAX_ATTEMPTS)] == [403] * MAX_ATTEMPTS


@pytest.mark.parametrize(
    "target",
    ["https://evil.example", "//evil.example", "/statusx", "/status/../x", "/status?a\r\nb", "/status\\@evil", "", "/"],
)
def test_the_login_leads_to_this_page_and_nowhere_else(make_client: MakeClient, target: str) -> None:
    assert log_in(make_client(), next=target).headers["location"] == "/status"


def test_signing_out_takes_the_cookie_away(make_client: MakeClient) -> None:
    answer = make_client().simulate_post("/status/logout")
    assert answer.status_code == 303
    assert answer.cookies[COOKIE].max_age == -1 or answer.cookies[COOKIE].value == ""


def test_the_script_of_the_login_page_learns_whether_there_is_a_session(make_client: MakeClient) -> None:
    client = make_client()
    assert client.simulate_get("/status/session").status_code == 401
    header = {"Cookie": f"{COOKIE}={log_in(client).cookies[COOKIE].value}"}
    assert client.simulate_get("/status/session", headers=header).status_code == 204


def test_without_a_password_there_is_nothing_to_log_in_to(make_client: MakeClient) -> None:
    client = make_client(password=None)
    assert log_in(client, "", address="127.0.0.1").status_code == 303
    assert COOKIE not in log_in(client, "", address="127.0.0.1").cookies
    assert log_in(client, "", address="192.0.2.1").status_code == 403
