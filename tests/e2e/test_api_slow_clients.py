"""Clients that send or read slowly hold no thread for long, and none that another client could have had."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from support.api import PATH, Api, form, set_company
from support.reads import COMPANY_IDS, make_token
from support.reporting_databases import migrated_engine
from support.table import CompanyTable

pytestmark = pytest.mark.slow

ROWS = 40_000
REQUEST_S, LEAVE_S = 1, 0.3
"""As `support.hasty_gunicorn_conf` has them, which only gunicorn should load."""
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, str]]:
    """The API over a company with ROWS rows, not started, and a token. Its limits are those of the hasty configuration,
    and each of its two processes has one thread."""
    tests = Path(__file__).parent.parent
    environment = {"ALX_API_WORKERS": "2", "ALX_API_THREADS": "1", "PYTHONPATH": str(tests)}
    with migrated_engine("sqlite", tmp_path_factory.mktemp("slow")) as engine:
        table = CompanyTable(engine, next(COMPANY_IDS))
        table.fill(ROWS)
        set_company(engine, table.companyid, rate_limit=0, max_records=ROWS)
        home = tmp_path_factory.mktemp("api")
        api = Api(home, engine.url, environment, configuration="support.hasty_gunicorn_conf")
        yield api, make_token(engine, table.companyid)


@pytest.fixture
def serving(company: tuple[Api, str]) -> Iterator[tuple[Api, str]]:
    with company[0].running():
        yield company


def connect(api: Api, *, receive_buffer: int | None = None) -> socket.socket:
    client = socket.socket()
    if receive_buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(30)
    client.connect(("127.0.0.1", api.port))
    return client


def drip(clients: list[socket.socket], *, give_up_after_s: float = 20) -> list[bytes | None]:
    """Send a byte on each connection, five times a second, until it is answered or closed; return what came of each.

    That is the first line of the answer, an empty one for none, and None where nothing came.
    """
    ends: dict[socket.socket, bytes | None] = dict.fromkeys(clients)
    stop_at = time.monotonic() + give_up_after_s
    while None in ends.values() and time.monotonic() < stop_at:
        for client in [each for each, end in ends.items() if end is None]:
            client.settimeout(0.01)
            try:
                client.sendall(b"x")
                ends[client] = client.recv(1000).partition(b"\r\n")[0]
            except TimeoutError:
                continue
            except OSError:
                ends[client] = b""
        time.sleep(0.2)
    return list(ends.values())


@pytest.mark.parametrize(
    ("begun", "end"),
    [(f"{HEAD}X-Long: ", b""), (f"{HEAD}Content-Length: 5000\r\n\r\n", b"HTTP/1.1 400 Bad Request")],
    ids=["head", "body"],
)
def test_a_request_that_drips_is_given_up(serving: tuple[Api, str], begun: str, end: bytes) -> None:
    api, token = serving
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(connect(api))) for _ in range(2)]  # one for each thread there is
        for client in clients:
            client.sendall(begun.encode())
        assert drip(clients) == [end, end]
        assert len(api.call(token, limit=10).json()) == 10


def test_an_answer_that_is_taken_too_slowly_is_given_up(serving: tuple[Api, str]) -> None:
    api, token = serving
    body = urlencode(form(token, limit=ROWS, moodlewsrestformat="xml"))
    with closing(connect(api, receive_buffer=4096)) as client:
        client.sendall(f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        answer = client.recv(4096)
        slow_until = time.monotonic() + 5
        while chunk := client.recv(4096):
            answer += chunk
            if time.monotonic() < slow_until:
                time.sleep(0.02)
    head, _, page = answer.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    assert 0 < len(page) < length
    with api.client() as other:
        assert len(other.post(PATH, data=form(token, limit=ROWS)).json()) == ROWS


def test_a_new_connection_goes_to_the_process_that_is_idle(serving: tuple[Api, str]) -> None:
    api, token = serving
    for _ in range(10):
        time.sleep(2 * LEAVE_S)  # until both processes have done with the connections of the round before
        with closing(connect(api)) as client:
            client.sendall(f"{HEAD}X-Long: ".encode())  # and no more of it: this process has no other thread
            began = time.monotonic()
            assert len(api.call(token, limit=10).json()) == 10
            assert time.monotonic() - began < REQUEST_S, "it waited until the other client was given up"
