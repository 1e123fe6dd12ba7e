"""Who is let in: tokens, companies, addresses, headers."""

import base64
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from alx_core.store.tokens import hash_token
from support.api import FUNCTION, PATH
from support.asked_company import Company
from support.builders import NOW
from support.in_process import in_process
from support.reads import COMPANY_IDS, make_token
from support.table import CompanyTable

CONTENT_TYPE = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"revoked_at": 1}, "invalidtoken"),
        ({"expires_at": NOW - 1}, "accessexception"),
        ({"expires_at": NOW - 1, "owner_state": "suspended"}, "accessexception"),
        ({"allowed_networks": "10.0.0.0/8"}, "accessexception"),
        ({"allowed_networks": ","}, "accessexception"),
        ({"owner_state": "suspended"}, "wsaccessusersuspended"),
        ({"owner_state": "suspended", "allowed_networks": "10.0.0.0/8"}, "accessexception"),
        ({"owner_state": "deleted"}, "wsaccessuserdeleted"),
        ({"owner_state": "unconfirmed"}, "wsaccessuserunconfirmed"),
        ({"owner_state": "nologin"}, "wsaccessusernologin"),
        ({"owner_state": "refused"}, "accessexception"),
        ({"owner_state": "refused", "companyid": None}, "accessexception"),
        ({"companyid": None}, "nocompanyassociation"),
        ({"companyid": 999_999}, "nocompanyassociation"),
    ],
)
def test_a_token_that_may_no_longer_is_refused_at_once(company: Company, values: dict[str, Any], code: str) -> None:
    assert company.outcome() == "ok"
    company.alter_token(**values)
    assert company.outcome() == code
    assert company.api.last["outcome"] == code


def test_a_token_works_to_the_end_of_its_last_second(company: Company) -> None:
    assert company.outcome() == "ok"
    company.alter_token(expires_at=NOW)
    assert company.outcome() == "ok"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("deleted", "Refused web service access for deleted username: Power BI"),
        ("unconfirmed", "Refused web service access for unconfirmed username: Power BI"),
        ("suspended", "Refused web service access for suspended username: Power BI"),
        ("nologin", "Refused web service access for nologin authentication username: Power BI"),
    ],
)
def test_an_owner_who_may_not_is_named_in_moodles_words(company: Company, state: str, text: str) -> None:
    assert company.outcome() == "ok"
    company.alter_token(owner_state=state)
    answer = company.api.post(company.token).json
    assert (answer["exception"], answer["message"]) == ("moodle_exception", text)


@pytest.mark.parametrize(
    ("function", "code"),
    [
        ("", "invalidparameter"),
        ("no_such_function", "invalidrecord"),
        ("core_webservice_get_site_info", "accessexception"),
    ],
)
def test_the_function_is_looked_up_before_the_service_is_asked(company: Company, function: str, code: str) -> None:
    assert company.outcome() == "ok"
    company.alter_token(owner_state="refused")
    body = f"wstoken={company.token}&wsfunction={function}&moodlewsrestformat=json"
    answer = company.api.client.simulate_post(PATH, body=body, content_type=CONTENT_TYPE)
    assert answer.json["errorcode"] == code


@pytest.mark.parametrize("end", ["", "%20", "%20%20", "%00"])
def test_token_and_function_are_found_as_a_moodle_on_mariadb_finds_them(company: Company, end: str) -> None:
    assert company.outcome() == "ok"
    token = secrets.token_hex(16)
    company.alter_token(token_hash=hash_token(token))
    for each in (token, token.upper()):
        for function in (FUNCTION, FUNCTION.upper()):
            body = f"wstoken={each}{end}&wsfunction={function}{end}&moodlewsrestformat=json"
            answer = company.api.client.simulate_post(PATH, body=body, content_type=CONTENT_TYPE)
            assert len(answer.json) == 12


@pytest.mark.parametrize("place", ["%20{}", "{}%09", "{}%0A", "{}x"])
def test_spaces_elsewhere_belong_to_token_and_function(company: Company, place: str) -> None:
    pairs = {"wstoken": company.token, "wsfunction": FUNCTION}
    for name, code in (("wstoken", "invalidtoken"), ("wsfunction", "invalidrecord")):
        altered = {**pairs, name: place.format(pairs[name])}
        body = "&".join(f"{key}={value}" for key, value in altered.items()) + "&moodlewsrestformat=json"
        answer = company.api.client.simulate_post(PATH, body=body, content_type=CONTENT_TYPE)
        assert answer.json["errorcode"] == code


def test_the_case_of_a_token_that_is_no_moodles_counts(company: Company) -> None:
    assert company.outcome() == "ok"
    assert company.api.post(company.token.swapcase()).json["errorcode"] == "invalidtoken"


def test_the_answer_may_be_read_by_a_page_of_another_origin_as_in_moodle(company: Company) -> None:
    for token in (company.token, "unknown"):
        headers = company.api.post(token).headers
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize("values", [{"suspended": 1}, {"is_deleted": 1}])
def test_a_company_that_is_suspended_or_gone_is_none(company: Company, values: dict[str, int]) -> None:
    assert company.outcome() == "ok"
    company.alter(**values)
    assert company.outcome() == "nocompanyassociation"
    company.alter(**dict.fromkeys(values, 0))
    assert company.outcome() == "ok"


@pytest.mark.parametrize(
    ("networks", "peer", "forwarded", "is_let_in"),
    [
        ("192.0.2.7", "192.0.2.7", None, True),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7", False),  # anybody can write this header
        ("192.0.2.7", "10.1.1.1", "192.0.2.7", True),  # the proxy's word counts
        ("192.0.2.7", "10.1.1.1", "192.0.2.7, 198.51.100.1", False),  # what the client wrote itself does not
        ("192.0.2.7", "10.1.1.1", "192.0.2.7, 10.9.9.9", True),
        ("192.0.2.7", "10.1.1.1", "192.0.2.7, what", False),
        ("192.0.2.7", "10.1.1.1", "192.0.2.7:4711", True),  # some proxies write the port too
        ("192.0.2.7", "10.1.1.1", "198.51.100.1:4711", False),
        ("2001:db8::5", "10.1.1.1", "[2001:db8::5]:443", True),
        ("2001:db8::5", "10.1.1.1", "[2001:db8::5]", True),
        ("10.0.0.0/8", "10.1.1.1", "203.0.113.9:4711", False),  # an outside client is never taken for the proxy
        ("10.0.0.0/8", "10.1.1.1", "[2001:db8::9]:443", False),
        ("10.0.0.0/8", "10.1.1.1", "unknown", False),
        ("10.1.1.1", "10.1.1.1", "192.0.2.7", False),
        ("2001:db8::/32", "::ffff:10.1.1.1", "2001:db8::5", True),
    ],
)
def test_only_named_proxies_are_believed(
    engine: Engine, tmp_path: Path, networks: str, peer: str, forwarded: str | None, is_let_in: bool
) -> None:
    table = CompanyTable(engine, next(COMPANY_IDS))
    table.fill(5)
    token = make_token(engine, table.companyid, allowed_networks=networks)
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    with in_process(engine, tmp_path, trusted_proxies="10.0.0.0/8") as api:
        answer = api.post(token, headers, peer=peer).json
        assert isinstance(answer, list) is is_let_in


def test_without_a_named_proxy_no_forwarded_address_counts(company: Company) -> None:
    company.api.post(company.token, {"X-Forwarded-For": "192.0.2.7"}, peer="127.0.0.1")
    assert company.api.last["ip_address"] == "127.0.0.1"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "header",
    [
        lambda token: {"Authorization": f"Bearer {token}"},
        lambda token: {"Authorization": f"bearer  {token} "},
        lambda token: {"Authorization": basic("anybody", token)},
        lambda token: {"Authorization": basic(token, "")},
        lambda token: {"X-API-Key": token},
        lambda token: {"Authorization": "Bearer", "X-API-Key": token},
        lambda token: {"Authorization": basic("", ""), "X-API-Key": token},
    ],
)
def test_the_token_may_come_in_a_header(company: Company, header: Callable[[str], dict[str, str]]) -> None:
    body = f"wsfunction={FUNCTION}&moodlewsrestformat=json"
    answer = company.api.client.simulate_post(PATH, body=body, headers=header(company.token), content_type=CONTENT_TYPE)
    assert len(answer.json) == 12


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Basic", "Basic !!", "Basic /w==", "Digest x", "", "Bearer \xff", "Basic \xff"]
)
def test_a_header_without_a_token_is_no_token(company: Company, value: str) -> None:
    body = f"wsfunction={FUNCTION}&moodlewsrestformat=json"
    headers = {"Authorization": value}
    answer = company.api.client.simulate_post(PATH, body=body, headers=headers, content_type=CONTENT_TYPE)
    assert (answer.status_code, answer.json["errorcode"]) == (200, "invalidtoken")
