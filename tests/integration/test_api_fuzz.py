"""Whatever is sent, the API answers with a status of its own, shows no trace, and logs the request once."""

import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.api import PATH, Api, form, logged, served
from support.in_process import InProcess, in_process
from support.power_query import side_by_side
from support.reads import make_token
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine
from support.stack import wait_for
from support.table import CompanyTable

pytestmark = pytest.mark.slow

TRACES = (b"Traceback", b"sqlalchemy", b'File "', b"psycopg", b"SELECT ")
EXPECTED = {200, 400, 404, 405, 413}
NAMES = st.sampled_from(
    ["wstoken", "wsfunction", "moodlewsrestformat", "limit", "offset", "moodlewssettingraw", "x", "", "limit[]"]
)
TEXTS = st.one_of(
    st.text(max_size=30),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["json", "xml", "\x00", "\ud800", "💥"]),
)
PARAMETERS = st.lists(st.tuples(NAMES, TEXTS), max_size=8)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Authorization", "X-API-Key", "Accept", "Accept-Encoding", "User-Agent", "X-Forwarded-For", "Cookie", "Range",
         "If-None-Match", "Expect", "X-HTTP-Method-Override"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60),
    max_size=4,
)  # fmt: skip
TYPES = st.sampled_from(
    ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-16", "application/json",
     "multipart/form-data", "multipart/form-data; boundary=b", "multipart/form-data; boundary=", "text/plain", "", "ü",
     "multipart/form-data; boundary=" + "x" * 90]
)  # fmt: skip
METHODS = st.sampled_from(["GET", "POST", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
PATHS = st.one_of(
    st.sampled_from([PATH] * 6 + [f"{PATH}/", f"{PATH}//", "/", "/webservice", "/api/v1", "/odata/v4/", f"{PATH}/x"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=30).map(
        "/x{}".format
    ),
)


def encoded(parameters: list[tuple[str, str]]) -> str:
    return urlencode([(n.encode("utf-8", "surrogatepass"), v.encode("utf-8", "surrogatepass")) for n, v in parameters])


BODIES = st.one_of(
    PARAMETERS.map(encoded).map(str.encode),
    PARAMETERS.map(dict).map(lambda each: json.dumps(each).encode()),
    st.binary(max_size=200),
    st.integers(60_000, 70_000).map(lambda size: b"x" * size),
    st.lists(st.tuples(NAMES, TEXTS), max_size=4).map(
        lambda parts: (
            b"".join(
                b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
                % (name.encode(), value.encode("utf-8", "surrogatepass"))
                for name, value in parts
            )
            + b"--b--\r\n"
        )
    ),
    st.just(b'--b\r\nContent-Disposition: form-data; name="limit"\r\n\r\n1'),  # cut off
    st.just(b"&".join(b"a%d=1" % number for number in range(300))),
)


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InProcess, str]]:
    folder = tmp_path_factory.mktemp("fuzz")
    proxies = {"trusted_proxies": "127.0.0.1"}
    with migrated_engine(request.param, folder) as engine, in_process(engine, folder, **proxies) as made:
        CompanyTable(engine, 1).fill(20)
        yield made, make_token(engine, 1)


def test_no_request_makes_an_error_of_ours_and_each_is_logged_once(api: tuple[InProcess, str]) -> None:
    made, token = api

    @settings(max_examples=300)
    @given(
        method=METHODS, path=PATHS, query=PARAMETERS, headers=HEADERS, kind=TYPES, body=BODIES, has_token=st.booleans()
    )
    def explore(method: str, path: str, query: Any, headers: Any, kind: str, body: bytes, *, has_token: bool) -> None:
        before = len(made.journal.records)
        query = [*query, *form(token).items()] if has_token else query
        answer = made.client.simulate_request(
            method, path, query_string=encoded(query), headers={**headers, "Content-Type": kind}, body=body
        )
        assert answer.status_code in EXPECTED
        assert not any(trace in answer.content for trace in TRACES)
        records = made.journal.records[before:]
        assert [record["request_id"] for record in records] == [answer.headers["x-request-id"]]
        assert (records[0]["http_status"], records[0]["bytes"]) == (answer.status_code, len(answer.content)) or (
            method == "HEAD"
        )
        assert token not in json.dumps(records)

    explore()


def test_every_record_of_strange_requests_can_be_written_into_the_log(api: tuple[InProcess, str]) -> None:
    made, token = api
    for number in (-(2**63), -(2**31) - 1, 2**31, 2**63 - 1, 2**63):
        made.post(token, limit=number)
        made.post(token, offset=number)
    for agent in ("\x01", "\xff\xfe", "a" * 5000, "\x1b[31m"):
        made.post("\x00💥" * 9, {"User-Agent": agent, "X-Forwarded-For": "fe80::1%" + "\x1b" * 60})
    records = made.journal.records
    made.journal._write(records)
    rows = {row["request_id"] for row in logged(made.engine, at_least=len(records))}
    assert {record["request_id"] for record in records} == rows


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, str]]:
    environment = {"ALX_API_THREADS": "4", "ALX_TRUSTED_PROXIES": "127.0.0.1"}
    with served("sqlite", tmp_path_factory.mktemp("raw"), environment) as (engine, made):
        CompanyTable(engine, 1).fill(20)
        with made.client() as client:
            client.get("/healthz")
        yield made, make_token(engine, 1, name="raw")


def raw(api: Api, data: bytes, *, timeout_s: float = 10) -> bytes:
    """Send bytes as they are; return what comes until the server closes or falls silent."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=timeout_s) as connection:
        got = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                got += chunk
        except (ConnectionError, TimeoutError):
            return got
        return got


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed it, with an answer or without."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            continue
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n".encode()
MALFORMED = [
    b"\r\n\r\n", b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"".join(b"H%d: 1\r\n" % number for number in range(200)) + b"\r\n",
    HEAD + b"Content-Length: -1\r\n\r\n", HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    HEAD + b"Content-Length: 500\r\n\r\nshort", HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", HEAD + b"Content-Length: 99999999999999\r\n\r\nx",
    HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", HEAD + b"Expect: 100-continue\r\n\r\n",
    HEAD + b"Content-Length: 0\r\nX-Forwarded-For: \xff\xfe\r\n\r\n",
]  # fmt: skip


def test_malformed_requests_are_refused_and_stop_nobody(server: tuple[Api, str]) -> None:
    api, token = server
    dice = random.Random(5)
    good = HEAD + b"Content-Length: 12\r\n\r\nwsfunction=x"
    bent = [bytes(dice.choice([byte] * 20 + [dice.randrange(256)]) for byte in good) for _ in range(60)]
    answers = [raw(api, data, timeout_s=3) for data in [*MALFORMED, *bent]]
    assert [answer for answer in answers if any(trace in answer for trace in TRACES)] == []
    assert [answer for answer in answers if answer.startswith(b"HTTP/1.1 5")] == []
    assert len(api.call(token).json()) == 20
    chunked = "".join(f"{len(each):x}\r\n{each}\r\n" for each in (urlencode(form(token)), "&limit=3")) + "0\r\n\r\n"
    answer = raw(api, HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunked.encode())
    assert len(json.loads(answer.partition(b"\r\n\r\n")[2])) == 3


def test_clients_that_stop_in_the_middle_do_not_hold_the_threads(tmp_path: Path) -> None:
    """As many of them as there are threads, in the body and in the head: each is given up when its time is over."""
    with served("sqlite", tmp_path, {"ALX_API_WORKERS": "1", "ALX_API_THREADS": "4"}) as (engine, api):
        CompanyTable(engine, 1).fill(20)
        token = make_token(engine, 1, name="raw")
        stuck = [socket.create_connection(("127.0.0.1", api.port)) for _ in range(4)]
        for each, sent in zip(stuck, [HEAD + b"Content-Length: 1000\r\n\r\nwstoken=", HEAD[:50]] * 2, strict=True):
            each.sendall(sent)
        assert len(api.call(token).json()) == 20
        wait_for(lambda: all(map(is_closed, stuck)), timeout_s=15, describe="the end of all four")
        for each in stuck:
            each.close()


def test_the_workers_memory_stays_steady_over_thousands_of_requests(server: tuple[Api, str]) -> None:
    api, token = server
    dice = random.Random(7)

    def address() -> str:
        """Another one each time: the few that fail often are kept waiting, and all have to be remembered."""
        return ".".join(str(dice.randrange(1, 255)) for _ in range(4))

    def client() -> None:
        with api.client() as http:
            for _ in range(120):
                choice = dice.randrange(4)
                if choice == 0:
                    http.post(PATH, data=form(token, limit=dice.randrange(1, 30), offset=dice.randrange(40)))
                elif choice == 1:
                    http.post(PATH, data=form(f"wrong{dice.random()}"), headers={"X-Forwarded-For": address()})
                elif choice == 2:
                    http.get(f"/nothing/{dice.random()}")
                else:
                    http.post(PATH, content=dice.randbytes(3000), headers={"X-Forwarded-For": address()})

    side_by_side(*[client] * 4)
    before = resident_mb(api)
    for _ in range(3):
        side_by_side(*[client] * 4)
    assert resident_mb(api) < before + 2 * 8  # two workers


def resident_mb(api: Api) -> float:
    """Resident memory of all workers."""
    pids = wait_for(api.workers, timeout_s=10, describe="the workers")
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids]
    return sum(pages) * 4096 / 2**20
