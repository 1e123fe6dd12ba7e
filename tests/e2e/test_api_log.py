"""The request log over the real server: every request once, whatever becomes of workers and database, and no secret."""

import base64
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, create_engine, text

from alx_core.store.tables import metadata
from support.api import PATH, Api, form, logged, served
from support.databases import SERVERS
from support.reads import COMPANY_IDS, make_token
from support.reporting_databases import KINDS_OF_DATABASE
from support.stack import wait_for
from support.table import CompanyTable

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def serving(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Api]]:
    environment = {"ALX_API_BURST_PER_MINUTE": "200"}
    with served(request.param, tmp_path_factory.mktemp("log"), environment) as made:
        yield made


@pytest.fixture
def engine(serving: tuple[Engine, Api]) -> Engine:
    return serving[0]


@pytest.fixture
def api(serving: tuple[Engine, Api]) -> Api:
    return serving[1]


@pytest.fixture
def token(engine: Engine) -> str:
    table = CompanyTable(engine, next(COMPANY_IDS))
    table.fill(20)
    return make_token(engine, table.companyid)


def wait_until_logged(engine: Engine, answers: list[httpx.Response]) -> dict[str, dict[str, object]]:
    """The log's rows of these answers by request id, once all are there; each stands there once."""
    ids = {answer.headers["X-Request-ID"] for answer in answers}
    assert len(ids) == len(answers)
    rows: list[dict[str, object]] = []

    def are_all_there() -> bool:
        rows[:] = [row for row in logged(engine) if row["request_id"] in ids]
        return len(rows) >= len(ids)

    wait_for(are_all_there, timeout_s=45, describe=f"{len(ids)} answers in the log")
    assert len(rows) == len(ids)
    return {str(row["request_id"]): row for row in rows}


def test_every_request_is_logged_once_refused_ones_too(api: Api, engine: Engine, token: str) -> None:
    with api.client() as client:
        answers = {
            "ok": client.post(PATH, data=form(token, limit=5)),
            "invalidtoken": client.post(PATH, data=form("f" * 32)),
            "invalidparameter": client.post(PATH, data=form(token, limit="x")),
            "limittoolarge": client.post(PATH, data=form(token, limit=1001)),
            "invalidrequestmethod": client.put(PATH, data=form(token)),
            "notfound": client.get("/nowhere"),
            "invalidrequest": client.post(PATH, content=b"x", headers={"Content-Type": "multipart/form-data"}),
        }
        # On a connection of its own: what is not read of its body ends it.
        answers["requesttoolarge"] = api.call(token, x="y" * 70_000)
        for _ in range(420):  # both workers count for themselves
            last = client.post(PATH, data=form(token, limit="x"))
            if last.status_code == 429:
                break
        answers["toomanyrequests"] = last
    rows = wait_until_logged(engine, list(answers.values()))
    for outcome, answer in answers.items():
        row = rows[answer.headers["X-Request-ID"]]
        assert (row["outcome"], row["http_status"]) == (outcome, answer.status_code)
        assert row["bytes"] == int(answer.headers["Content-Length"])


@pytest.mark.parametrize(
    ("request_line", "status", "outcome"),
    [
        (f"GET /{'x' * 5000} HTTP/1.1\r\n\r\n", 414, "http414"),
        (f"GET / HTTP/1.1\r\nX: {'x' * 9000}\r\n\r\n", 431, "http431"),
        ("GET / HTTP/9.9\r\n\r\n", 400, "invalidrequest"),
        ("what is this\r\n\r\n", 400, "invalidrequest"),
    ],
    ids=["line", "header", "version", "no request"],
)
def test_a_request_that_the_server_cannot_read_is_logged_too(
    api: Api, engine: Engine, request_line: str, status: int, outcome: str
) -> None:
    before = len(logged(engine))
    with socket.create_connection(("127.0.0.1", api.port), timeout=5) as connection:
        connection.sendall(request_line.encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    row = logged(engine, at_least=before + 1)[-1]
    body = answer.partition(b"\r\n\r\n")[2]
    assert (row["http_status"], row["outcome"], row["bytes"]) == (status, outcome, len(body))
    assert (row["ip_address"], row["token_id"], row["method"]) == ("127.0.0.1", None, "")


def test_every_answered_request_is_in_the_log_though_workers_are_killed(api: Api, engine: Engine) -> None:
    answers: list[httpx.Response] = []
    stop = threading.Event()

    def client() -> None:
        while not stop.is_set():
            try:
                with api.client() as http:
                    for _ in range(20):
                        answers.append(http.post(PATH, data=form("f" * 32, limit=5)))  # noqa: PERF401  # one by one
            except httpx.TransportError:
                continue

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        seen = len(answers)
        wait_for(lambda seen=seen: len(answers) > seen + 40, timeout_s=40, describe="answers")
        for pid in api.workers():
            os.kill(pid, signal.SIGKILL)
    stop.set()
    for thread in threads:
        thread.join()
    wait_until_logged(engine, answers)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_request_that_is_answered_while_the_api_stops_is_logged(stop: signal.Signals, tmp_path: Path) -> None:
    answers: list[httpx.Response] = []
    with served("postgresql", tmp_path, {}) as (engine, api):
        table = CompanyTable(engine, next(COMPANY_IDS))
        table.fill(5)
        token = make_token(engine, table.companyid)
        assert api.call(token, limit=5).status_code == 200
        asking = threading.Thread(target=lambda: answers.append(api.call(token, limit=5)))
        with engine.connect() as connection:
            connection.execute(text("LOCK TABLE api_usage IN ACCESS EXCLUSIVE MODE"))
            asking.start()
            wait_for(lambda: waits_for_a_lock(engine), timeout_s=10, describe="a request that waits")
            assert api.process is not None
            api.process.send_signal(stop)
            time.sleep(1)  # long enough for gunicorn's own end, short enough for its patience
            connection.rollback()
        asking.join()
        api.process.wait(30)
        api.start()  # what the first one left in its file is carried over by the next
        wait_until_logged(engine, answers)
    assert [answer.status_code for answer in answers] == [200]


def waits_for_a_lock(engine: Engine) -> bool:
    with engine.connect() as connection:
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'api_usage'::regclass")
        return connection.execute(waiting).scalar_one() > 0


def test_a_database_that_is_away_is_503_and_the_log_complete_when_it_is_back(
    api: Api, engine: Engine, token: str
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("a file does not go away")  # a locked one is waited for
    name = engine.url.database
    server = create_engine(SERVERS["postgresql"], isolation_level="AUTOCOMMIT")
    with server.connect() as connection, api.client() as client:
        before = client.post(PATH, data=form(token))
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        try:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :n"), {"n": name}
            )
            away = [client.post(PATH, data=form(token)) for _ in range(6)]
            ready = client.get("/readyz")
        finally:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        engine.dispose()
        assert {(answer.status_code, answer.headers["Retry-After"]) for answer in away} == {(503, "10")}
        assert {answer.json()["errorcode"] for answer in away} == {"dbconnectionfailed"}
        assert ready.status_code == 503
        back = [client.post(PATH, data=form(token)) for _ in range(6)]
        assert {answer.content for answer in back} == {before.content}
        rows = wait_until_logged(engine, [before, *away, *back])
    assert [rows[answer.headers["X-Request-ID"]]["http_status"] for answer in away] == [503] * 6
    server.dispose()


def test_no_token_is_written_anywhere(api: Api, engine: Engine) -> None:
    """Right ones, wrong ones, in every place where one may stand, and in requests that nobody can parse."""
    table = CompanyTable(engine, next(COMPANY_IDS))
    table.fill(5)
    right = make_token(engine, table.companyid)
    tokens = [right, "0123456789abcdef0123456789abcdef", "alx_" + "Qz7" * 12]
    answers = []
    with api.client() as client:
        for each in tokens:
            basic = base64.b64encode(f"user:{each}".encode()).decode()
            answers += [
                client.post(PATH, data=form(each)),
                client.post(f"{PATH}?wstoken={each}", data=form("")),
                client.get(PATH, params=form(each)),
                client.put(f"/nowhere/{each}"),
                *(client.post(PATH, data=form(""), headers=headers) for headers in (
                    {"Authorization": f"Bearer {each}"}, {"Authorization": f"Basic {basic}"}, {"X-API-Key": each},
                    {"User-Agent": f"curl wstoken={each}"}, {"Cookie": f"token={each}"},
                )),
            ]  # fmt: skip
    for each in tokens:
        for data in (
            f"GET /?wstoken={each} HTTP/9.9",
            f"BREW-{each} / HTTP/1.1",
            f"GET / HTTP/1.1\r\nwstoken:{each} : x\x00",
        ):
            with socket.create_connection(("127.0.0.1", api.port), timeout=5) as connection:
                connection.sendall(data.encode() + b"\r\n\r\n")
                connection.recv(1000)
    wait_until_logged(engine, answers)
    secrets = [secret for each in tokens for secret in (each, base64.b64encode(f"user:{each}".encode()).decode())]
    assert [secret for secret in secrets if secret in everything_written(api, engine)] == []


def everything_written(api: Api, engine: Engine) -> str:
    """All files of the API but the database's own, and all tables."""
    time.sleep(0.2)
    files = [path.read_text(errors="replace") for path in api.home.rglob("*") if path.is_file()]
    assert files
    with engine.connect() as connection:
        tables = [str(connection.execute(table.select()).all()) for table in metadata.sorted_tables]
    return "\n".join([*files, *tables])
