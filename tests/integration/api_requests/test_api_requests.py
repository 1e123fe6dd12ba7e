"""What a request may look like, and what every answer has: methods, parameters, headers, times."""

import gzip
import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from alx_core.store.engine import transaction
from api_server.resources.health import FAILING_S
from support.api import PATH, form
from support.asked_company import Company
from support.in_process import in_process
from support.reads import COMPANY_IDS, make_token
from support.reporting_databases import migrated_engine
from support.table import CompanyTable

CONTENT_TYPE = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("method", ["HEAD", "PUT", "OPTIONS", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_refused_and_say_what_is_allowed(company: Company, method: str) -> None:
    answer = company.api.client.simulate_request(method, PATH, params=form(company.token))
    assert answer.status_code == 405
    assert {each.strip() for each in answer.headers["allow"].split(",")} == {"GET", "POST"}
    assert (company.api.last["outcome"], company.api.last["http_status"]) == ("invalidrequestmethod", 405)
    assert b"example.com" not in answer.content


def test_what_is_not_there_and_a_wrong_method_say_what_to_do(company: Company) -> None:
    assert PATH in company.api.client.simulate_get("/nowhere").json["detail"]
    assert "Allow" in company.api.client.simulate_put(PATH).json["message"]
    assert "Allow" in company.api.client.simulate_post("/healthz").json["detail"]


@pytest.mark.parametrize(
    ("query", "begin"), [("", b"{"), ("moodlewsrestformat=json", b"{"), ("moodlewsrestformat=xml", b"<?xml")]
)
@pytest.mark.parametrize("headers", [{}, {"Content-Type": "multipart/form-data"}], ids=["method", "body"])
def test_a_request_refused_unread_is_answered_in_the_form_that_its_query_asks_for(
    company: Company, headers: dict[str, str], query: str, begin: bytes
) -> None:
    method = "POST" if headers else "PUT"
    answer = company.api.client.simulate_request(method, PATH, query_string=query, body="x", headers=headers)
    assert answer.status_code in (400, 405)
    assert answer.content.startswith(begin)


@pytest.mark.parametrize("path", [f"{PATH}/", f"{PATH}//", PATH.replace("/rest", "//rest"), f"/{PATH}"])
def test_a_slash_too_many_is_the_same_path(company: Company, path: str) -> None:
    """An address is put together from two parts, and a web server before a Moodle answers these."""
    body = "&".join(f"{name}={value}" for name, value in form(company.token).items())
    answer = company.api.client.simulate_post(path, body=body, content_type=CONTENT_TYPE)
    assert len(answer.json) == 12


def test_moodles_own_settings_are_passed_over_and_anything_else_refused(company: Company) -> None:
    names = ("raw", "fileurl", "filter", "lang", "timezone")
    assert len(company.rows(**{f"moodlewssetting{name}": 1 for name in names})) == 12
    assert company.outcome(moodlewssettingother=1) == "invalidparameter"
    assert company.outcome(company="2") == "invalidparameter"
    assert company.outcome(wsfunction=None) == "invalidparameter"
    assert company.outcome(wsfunction="core_webservice_get_site_info") == "accessexception"
    assert company.outcome(wsfunction="x") == "invalidrecord"


@pytest.mark.parametrize("value", ["", "x", "1.0", "01", "+1", " 1", "1e3", "99999999999999999999", "٣", "5\n"])
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


NAMES = [
    (" limit=4", 4),  # spaces before a name
    ("%20%20limit=4", 4),
    ("limit%00x=4", 4),  # a name ends at NUL
    ("limit=4&limit=5", 5),
    ("limit[0]=4&limit=5", 5),
    ("=9&limit=4", 4),  # no name
    ("[0]=9&limit=4", 4),
    ("limit=4&", 4),
    ("limit[0]=4", "invalidparameter"),  # an array
    ("limit[]=4", "invalidparameter"),
    ("limit=5&limit[a][b]=4", "invalidparameter"),
    ("limit[=4", "invalidparameter"),  # limit_
    ("lim.it=4", "invalidparameter"),  # lim_it
    ("limit%20=4", "invalidparameter"),  # limit_
    ("limit=4%00", "invalidparameter"),  # no number
    ("limit", "invalidparameter"),  # a name without a value has an empty one
]


@pytest.mark.parametrize(("pairs", "expected"), NAMES)
@pytest.mark.parametrize("place", ["form", "query"])
def test_names_are_read_as_php_reads_them(company: Company, pairs: str, expected: int | str, place: str) -> None:
    body = urlencode(form(company.token, limit=None))
    sent = {"body": f"{body}&{pairs}"} if place == "form" else {"body": body, "query_string": pairs}
    answer = company.api.client.simulate_post(PATH, content_type=CONTENT_TYPE, **sent).json
    assert (len(answer) if isinstance(answer, list) else answer["errorcode"]) == expected


@pytest.mark.parametrize(
    ("pairs", "code"),
    [("wsfunction=0", "invalidparameter"), ("wsfunction[]=x", "invalidrecord"), ("wstoken[]=x", "invalidtoken")],
)
def test_what_is_empty_or_an_array_to_php_is_no_function_and_no_token(company: Company, pairs: str, code: str) -> None:
    body = f"{urlencode(form(company.token))}&{pairs}"
    assert company.api.client.simulate_post(PATH, body=body, content_type=CONTENT_TYPE).json["errorcode"] == code


def test_a_format_that_is_an_array_is_none_so_the_answer_is_xml(company: Company) -> None:
    body = f"{urlencode(form(company.token))}&moodlewsrestformat[]=json"
    answer = company.api.client.simulate_post(PATH, body=body, content_type=CONTENT_TYPE)
    assert answer.headers["content-type"].startswith("application/xml")


def test_a_file_in_a_multipart_form_is_no_parameter(company: Company) -> None:
    fields = [*((f'name="{name}"', value) for name, value in form(company.token, limit=4).items())]
    fields += [('name="limit"; filename="x.txt"', "7"), ('name="file"; filename=""', ""), ('name="[0]"', "1")]
    parts = "".join(f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n" for head, value in fields)
    answer = company.api.client.simulate_post(
        PATH, body=f"{parts}--b--\r\n", content_type="multipart/form-data; boundary=b"
    )
    assert len(answer.json) == 4


def test_offsets_before_the_beginning_and_beyond_the_end(company: Company) -> None:
    assert company.rows(offset=-5) == company.rows()
    for offset in (12, 13, 10**6, 2**63 - 1):
        assert company.rows(offset=offset) == []
    assert len(company.rows(limit=5, offset=10)) == 2


def test_the_base_address_answers_whoever_tests_the_connection(company: Company) -> None:
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Bearer {company.token}"}):
        assert company.api.client.simulate_get("/", headers=headers).status_code == 200


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


def test_an_id_is_the_requests_own_whatever_seeds_pythons_random(company: Company) -> None:
    """The log holds one row for an id: a request with an id that was there before would be missing in it."""
    seen = set()
    for _ in range(3):
        random.seed(1)
        seen.add(company.api.post(company.token).headers["x-request-id"])
    assert len(seen) == 3


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


def test_the_log_holds_what_a_refused_request_asked_for(company: Company) -> None:
    def asked() -> tuple[Any, ...]:
        return tuple(company.api.last[name] for name in ("endpoint", "outcome", "page_limit", "page_offset"))

    company.outcome(limit=2000, offset=7)
    assert asked() == ("course_progress", "limittoolarge", 2000, 7)
    company.outcome(limit="x")
    assert asked() == ("course_progress", "invalidparameter", None, None)  # 0 would be a limit that may be asked for
    company.api.client.simulate_put(PATH)
    assert asked() == ("course_progress", "invalidrequestmethod", None, None)
    company.api.client.simulate_get("/status.php")
    assert asked() == ("other", "notfound", None, None)


def test_a_database_without_room_is_away_to_the_client_and_the_log_says_why(tmp_path: Path) -> None:
    full = "BEGIN RAISE disk_full USING MESSAGE = 'no space left', DETAIL = 'Ada'; END"
    with migrated_engine("postgresql", tmp_path) as engine, in_process(engine, tmp_path) as api:
        table = CompanyTable(engine, next(COMPANY_IDS))
        table.fill(1)
        token = make_token(engine, table.companyid)
        with transaction(engine) as connection:
            connection.exec_driver_sql(f"CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ {full} $$")
            connection.exec_driver_sql("CREATE TRIGGER no_room BEFORE INSERT ON api_sessions EXECUTE FUNCTION fill()")
        with capture_logs() as logs:
            answer = api.post(token)
        assert api.client.simulate_get("/readyz").json["reason"] == "calls can't be answered: the API's log says why"
        api.clock.now += FAILING_S - 1
        assert api.client.simulate_get("/readyz").status_code == 503
        api.clock.now += 1
        assert api.client.simulate_get("/readyz").status_code == 200, "nobody has called since"
        assert api.post(token).status_code == 503
        with transaction(engine) as connection:
            connection.exec_driver_sql("DROP TRIGGER no_room ON api_sessions")
        assert api.post(token).status_code == 200
        assert api.client.simulate_get("/readyz").status_code == 200
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert answer.json["errorcode"] == "dbconnectionfailed"
    assert "space" not in answer.text
    assert [(line["event"], line["error"]) for line in logs] == [("database_unavailable", "no space left")]


def test_a_database_that_is_read_only_is_away_to_the_client_and_to_who_watches(tmp_path: Path) -> None:
    with migrated_engine("postgresql", tmp_path) as engine:
        token = make_token(engine, next(COMPANY_IDS))
        with transaction(engine) as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET default_transaction_read_only = on")
        engine.dispose()
        with in_process(engine, tmp_path) as api, capture_logs() as logs:
            answer = api.post(token)
            assert api.client.simulate_get("/readyz").status_code == 503
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert [line["event"] for line in logs] == ["database_unavailable"]
    assert "read-only" in logs[0]["error"]


def test_a_page_asked_for_again_is_logged_as_a_replay_until_a_sync(company: Company) -> None:
    replays = []
    for offset in (0, 5, 10, 0, 5, 10):
        company.api.clock.now += 1.5
        company.rows(limit=5, offset=offset)
        replays.append(company.api.last["replay"])
    company.one_more_sync()
    company.api.clock.now += 60
    company.rows(limit=5)
    assert [*replays, company.api.last["replay"]] == [0, 0, 0, 1, 1, 1, 0]
