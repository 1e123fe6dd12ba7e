"""Tokens, addresses, methods, parameters, and every company setting: each shown by what a request gets for it."""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, update

from alx_core.domain.changes import Op
from alx_core.domain.company_settings import KINDS
from alx_core.domain.fields import FIELD_NAMES
from alx_core.services.alert_watch import watch_api
from alx_core.services.metrics import record_hours
from alx_core.settings import Settings
from alx_core.store.alerts import list_alerts
from alx_core.store.companies import upsert_company
from alx_core.store.engine import transaction
from alx_core.store.tables import api_tokens
from support.api import FUNCTION, PATH, form, set_company
from support.builders import NOW
from support.in_process import InProcess, in_process
from support.reads import COMPANY_IDS, make_token
from support.reporting_databases import migrated_engine
from support.requests import HOUR, log_requests, make_request
from support.table import CompanyTable

CONTENT_TYPE = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("settings")) as made:
        yield made


@pytest.fixture(scope="module")
def api(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(engine, tmp_path_factory.mktemp("api"), timezone="Europe/London") as made:
        yield made


@dataclass
class Company:
    """A company with a token, asked in this process."""

    api: InProcess
    table: CompanyTable
    token: str

    def set(self, **values: object) -> None:
        set_company(self.api.engine, self.table.companyid, **values)

    def rows(self, **parameters: object) -> list[dict[str, Any]]:
        return self.api.rows(self.token, **parameters)

    def outcome(self, **parameters: object) -> str:
        return self.api.outcome(self.token, **parameters)

    def alter_token(self, **values: object) -> None:
        with transaction(self.api.engine) as connection:
            connection.execute(update(api_tokens).where(api_tokens.c.id == self.api.last["token_id"]).values(**values))

    def alter(self, **values: object) -> None:
        with transaction(self.api.engine) as connection:
            upsert_company(connection, self.table.companyid, **values)

    def one_more_sync(self) -> None:
        self.table.sync({min(self.table.live): Op.UPDATE})


@pytest.fixture
def company(api: InProcess) -> Company:
    table = CompanyTable(api.engine, next(COMPANY_IDS))
    table.fill(12)
    api.clock.now = float(NOW)
    return Company(api, table, make_token(api.engine, table.companyid))


def enabled(company: Company) -> None:
    company.set(enabled=0)
    assert company.outcome() == "nocompanyassociation"
    company.set(enabled=1)
    assert company.outcome() == "ok"


def rate_limit(company: Company) -> None:
    company.set(rate_limit=2)
    assert [company.outcome() for _ in range(3)] == ["ok", "ok", "ratelimitexceeded"]
    company.set(rate_limit=0)
    assert [company.outcome() for _ in range(200)] == ["ok"] * 200


def quota_mode(company: Company) -> None:
    company.set(quota_mode="reads", rate_limit=1)
    assert [company.outcome(limit=5, offset=offset) for offset in (0, 5, 10, 0, 5)] == ["ok"] * 5
    assert company.outcome(limit=6) == "ratelimitexceeded"
    company.set(quota_mode="requests")
    assert company.outcome(limit=5) == "ratelimitexceeded"


def max_records(company: Company) -> None:
    company.set(max_records=5)
    assert company.outcome(limit=6) == "limittoolarge"
    assert len(company.rows(limit=5)) == 5
    assert [len(company.rows(limit=limit)) for limit in (0, -5)] == [5, 5]


def cache_ttl_minutes(company: Company) -> None:
    company.set(cache_ttl_minutes=2)
    hits = []
    for seconds in (0, 119, 2):
        company.api.clock.now += seconds
        company.rows()
        hits.append(company.api.last["cache_hit"])
    assert hits == [0, 1, 0]


def cache_enabled(company: Company) -> None:
    company.set(cache_enabled=0)
    hits = []
    for _ in range(2):
        company.rows()
        hits.append(company.api.last["cache_hit"])
    company.set(cache_enabled=1)
    for _ in range(2):
        company.rows()
        hits.append(company.api.last["cache_hit"])
    assert hits == [0, 0, 0, 1]


def sync_mode(company: Company) -> None:
    counts = {}
    for mode in (2, 3, 1, 0):
        company.set(sync_mode=mode)
        company.rows()
        company.one_more_sync()
        company.rows()
        company.one_more_sync()
        counts[mode] = len(company.rows())
    assert counts == {2: 12, 3: 12, 1: 1, 0: 1}


def sync_window_hours(company: Company) -> None:
    company.set(sync_mode=0, sync_window_hours=2)
    counts = []
    for hours in (0, 1.9, 2.1):
        company.api.clock.now += hours * 3600
        counts.append(len(company.rows()))
        company.one_more_sync()
    assert counts == [12, 1, 12]


def first_sync_hours(company: Company) -> None:
    company.set(sync_mode=1, first_sync_hours=1)
    # Rows are as old as this machine's clock says, the API's own clock is moved beside it.
    company.api.clock.now = datetime.now(UTC).timestamp()
    assert len(company.rows(limit=50)) == 12
    other = Company(company.api, company.table, make_token(company.api.engine, company.table.companyid))
    company.api.clock.now += 2 * 3600
    assert other.rows(limit=50) == []


def allow_get(company: Company) -> None:
    def get() -> Any:
        return company.api.client.simulate_get(PATH, params=form(company.token)).json

    assert get()["errorcode"] == "invalidrequestmethod"
    company.set(allow_get=1)
    assert len(get()) == 12


def fields(company: Company) -> None:
    for hidden in FIELD_NAMES:
        company.set(**{f"field_{hidden}": 0})
        shown = [name for name in FIELD_NAMES if name != hidden]
        assert [list(row) for row in company.rows()] == [shown] * 12
        company.set(**{f"field_{hidden}": None})
        assert list(company.rows()[0]) == list(FIELD_NAMES)


def courses(company: Company) -> None:
    company.set(course_10=0)
    assert {row["courseid"] for row in company.rows()} == {11, 12, 13, 14}
    company.table.sync({(100, 77): Op.INSERT})  # a new course is shown, whatever is set for others
    assert {row["courseid"] for row in company.rows()} == {11, 12, 13, 14, 77}
    company.set(course_10=1)
    assert 10 in {row["courseid"] for row in company.rows()}


def alerted(company: Company, hour: int, *, hits: int, response_time_ms: float = 10) -> set[str]:
    """Log an hour of twenty calls, `hits` of them cached, and count it; return the alerts that the company then has."""
    engine, companyid = company.api.engine, company.table.companyid
    calls = [
        make_request(at=hour + each, companyid=companyid, cache_hit=int(each < hits), response_time_ms=response_time_ms)
        for each in range(20)
    ]
    log_requests(engine, calls)
    record_hours(engine, start=hour, end=hour + 3600, now=hour + 3600)
    watch_api(engine, Settings(), now=hour + 3600)
    with engine.connect() as connection:
        found = list_alerts(connection, limit=100, only_open=True)
    return {each["alert"] for each in found if each["companyid"] == companyid}


def alert_api_slow_ms(company: Company) -> None:
    assert alerted(company, HOUR, hits=20, response_time_ms=800) == set()
    company.set(alert_api_slow_ms=700)
    assert alerted(company, HOUR + 3600, hits=20, response_time_ms=800) == {"api_slow"}


def alert_cache_hit_pct(company: Company) -> None:
    assert alerted(company, HOUR, hits=10) == {"api_cache_hit_rate"}
    company.set(alert_cache_hit_pct=50)
    assert alerted(company, HOUR + 3600, hits=10) == set()


PROOFS: dict[str, Callable[[Company], None]] = {
    **{proof.__name__: proof for proof in (
        enabled, rate_limit, quota_mode, max_records, cache_ttl_minutes, cache_enabled, sync_mode, sync_window_hours,
        first_sync_hours, allow_get, alert_api_slow_ms, alert_cache_hit_pct,
    )},
    **{f"field_{name}": fields for name in FIELD_NAMES},
    "course_<id>": courses,
}  # fmt: skip


def test_every_setting_has_its_proof() -> None:
    assert PROOFS.keys() == {*KINDS, "course_<id>"}


@pytest.mark.parametrize("proof", list(dict.fromkeys(PROOFS.values())), ids=lambda proof: proof.__name__)
def test_a_setting_does_what_it_says_from_the_next_request_on(
    company: Company, proof: Callable[[Company], None]
) -> None:
    proof(company)


def test_a_setting_for_all_companies_counts_until_one_has_its_own(company: Company) -> None:
    set_company(company.api.engine, 0, max_records=3)
    try:
        assert company.outcome(limit=4) == "limittoolarge"
        company.set(max_records=4)
        assert company.outcome(limit=4) == "ok"
    finally:
        set_company(company.api.engine, 0, max_records=None)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"revoked_at": 1}, "invalidtoken"),
        ({"expires_at": NOW}, "accessexception"),
        ({"allowed_networks": "10.0.0.0/8"}, "accessexception"),
        ({"allowed_networks": ","}, "accessexception"),
        ({"owner_state": "suspended"}, "wsaccessusersuspended"),
        ({"owner_state": "deleted"}, "wsaccessuserdeleted"),
        ({"companyid": None}, "nocompanyassociation"),
        ({"companyid": 999_999}, "nocompanyassociation"),
    ],
)
def test_a_token_that_may_no_longer_is_refused_at_once(company: Company, values: dict[str, Any], code: str) -> None:
    assert company.outcome() == "ok"
    company.alter_token(**values)
    assert company.outcome() == code
    assert company.api.last["outcome"] == code


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
    ],
)
def test_the_token_may_come_in_a_header(company: Company, header: Callable[[str], dict[str, str]]) -> None:
    body = f"wsfunction={FUNCTION}&moodlewsrestformat=json"
    answer = company.api.client.simulate_post(PATH, body=body, headers=header(company.token), content_type=CONTENT_TYPE)
    assert len(answer.json) == 12


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Basic", "Basic !!", "Basic /w==", "Digest x", "", "Bearer \xff"]
)
def test_a_header_without_a_token_is_no_token(company: Company, value: str) -> None:
    body = f"wsfunction={FUNCTION}&moodlewsrestformat=json"
    headers = {"Authorization": value}
    answer = company.api.client.simulate_post(PATH, body=body, headers=headers, content_type=CONTENT_TYPE)
    assert (answer.status_code, answer.json["errorcode"]) == (200, "invalidtoken")


@pytest.mark.parametrize("method", ["HEAD", "PUT", "OPTIONS", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_refused_and_say_what_is_allowed(company: Company, method: str) -> None:
    answer = company.api.client.simulate_request(method, PATH, params=form(company.token))
    assert answer.status_code == 405
    assert {each.strip() for each in answer.headers["allow"].split(",")} == {"GET", "POST"}
    assert (company.api.last["outcome"], company.api.last["http_status"]) == ("invalidrequestmethod", 405)
    assert b"example.com" not in answer.content


def test_a_slash_at_the_end_is_the_same_path(company: Company) -> None:
    body = "&".join(f"{name}={value}" for name, value in form(company.token).items())
    answer = company.api.client.simulate_post(f"{PATH}/", body=body, content_type=CONTENT_TYPE)
    assert len(answer.json) == 12


def test_moodles_own_settings_are_passed_over_and_anything_else_refused(company: Company) -> None:
    names = ("raw", "fileurl", "filter", "lang", "timezone")
    assert len(company.rows(**{f"moodlewssetting{name}": 1 for name in names})) == 12
    assert company.outcome(moodlewssettingother=1) == "invalidparameter"
    assert company.outcome(company="2") == "invalidparameter"
    assert company.outcome(wsfunction=None) == "invalidparameter"
    assert company.outcome(wsfunction="core_webservice_get_site_info") == "accessexception"
    assert company.outcome(wsfunction="x") == "invalidrecord"


@pytest.mark.parametrize("value", ["", "x", "1.0", "01", "+1", " 1", "1e3", "99999999999999999999", "٣"])
def test_a_number_that_is_none_to_php_is_refused(company: Company, value: str) -> None:
    assert company.outcome(limit=value) == "invalidparameter"
    assert company.outcome(offset=value) == "invalidparameter"


def test_the_form_wins_over_the_query(company: Company) -> None:
    query = {"wstoken": "0" * 32, "limit": "1", "moodlewsrestformat": "xml"}
    body = "&".join(f"{name}={value}" for name, value in form(company.token, limit=3).items())
    answer = company.api.client.simulate_post(PATH, params=query, body=body, content_type=CONTENT_TYPE)
    assert len(answer.json) == 3
    mixed = company.api.client.simulate_post(
        PATH, params=form(company.token), body="limit=2", content_type=CONTENT_TYPE
    )
    assert len(mixed.json) == 2


def test_a_multipart_form_is_a_form(company: Company) -> None:
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form(company.token, limit=4).items()
    )
    answer = company.api.client.simulate_post(
        PATH, body=f"{parts}--b--\r\n", content_type="multipart/form-data; boundary=b"
    )
    assert len(answer.json) == 4


def test_offsets_before_the_beginning_and_beyond_the_end(company: Company) -> None:
    assert company.rows(offset=-5) == company.rows()
    for offset in (12, 13, 10**6, 2**63 - 1):
        assert company.rows(offset=offset) == []
    assert len(company.rows(limit=5, offset=10)) == 2


def test_a_compressed_answer_holds_the_same_bytes(company: Company) -> None:
    plain = company.api.post(company.token)
    for accepted in ("gzip", "gzip, deflate", "*", "br;q=1, gzip;q=0.5"):
        packed = company.api.post(company.token, {"Accept-Encoding": accepted})
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.content) == plain.content
    for accepted in ("", "identity", "gzip;q=0", "br", "gzip;q=x"):
        answer = company.api.post(company.token, {"Accept-Encoding": accepted})
        assert (answer.headers.get("content-encoding"), answer.content) == (None, plain.content)
        assert answer.headers["vary"] == "Accept-Encoding"


def test_every_answer_has_security_headers_and_an_id(company: Company) -> None:
    seen = set()
    for answer in (
        company.api.post(company.token),
        company.api.post("nobody"),
        company.api.client.simulate_put(PATH),
        company.api.client.simulate_get("/nothing/here"),
        company.api.client.simulate_get("/healthz"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "cache-control" in answer.headers
        seen.add(answer.headers["x-request-id"])
    assert len(seen) == 5


ZONE = ZoneInfo("Europe/London")


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-11-24"], ids=["23 hours", "25 hours", "24 hours"])
def test_the_quota_lasts_from_one_local_midnight_to_the_next(company: Company, day: str) -> None:
    """Also where the clocks go forward or back: an hour that comes twice gives no second quota."""
    company.set(rate_limit=1)
    begin = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZONE)
    end = datetime.fromisoformat(f"{day}T00:00") + timedelta(days=1)
    midnight = end.replace(tzinfo=ZONE).timestamp()
    company.api.clock.now = begin.timestamp() - 1
    assert [company.outcome() for _ in range(2)] == ["ok", "ratelimitexceeded"]
    company.api.clock.now = begin.timestamp()
    assert company.outcome() == "ok"
    while company.api.clock.now < midnight - 900:
        company.api.clock.now += 900
        assert company.outcome() == "ratelimitexceeded"
    company.api.clock.now = midnight
    assert company.outcome() == "ok"


def test_times_are_written_in_the_zone_of_the_settings(company: Company) -> None:
    row = company.rows()[0]
    assert json.dumps([row["timecompleted"], row["timestarted_unix"]]) == '["", 0]'
