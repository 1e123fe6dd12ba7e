"""The daily quota over the real server: exact, whoever asks at once, whichever worker answers, whatever dies."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, update

from alx_core.store.engine import transaction
from alx_core.store.tables import api_sessions
from support.api import Api, logged, served, set_company
from support.power_query import side_by_side
from support.reads import COMPANY_IDS, make_token
from support.reporting_databases import KINDS_OF_DATABASE
from support.stack import wait_for
from support.table import CompanyTable

pytestmark = pytest.mark.slow

CLIENTS = 8


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def serving(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Api]]:
    environment = {"ALX_API_WORKERS": "3", "ALX_API_THREADS": "4"}
    with served(request.param, tmp_path_factory.mktemp("quota"), environment) as made:
        yield made


@pytest.fixture
def engine(serving: tuple[Engine, Api]) -> Engine:
    return serving[0]


@pytest.fixture
def api(serving: tuple[Engine, Api]) -> Api:
    return serving[1]


@pytest.fixture
def company(engine: Engine) -> int:
    """A company with 20 rows, new for each test."""
    table = CompanyTable(engine, next(COMPANY_IDS))
    table.fill(20)
    return table.companyid


def outcome(answer: httpx.Response) -> str:
    """`ok` for rows, else the error code."""
    body = answer.json()
    return "ok" if isinstance(body, list) else str(body["errorcode"])


def hammer(api: Api, token: str, *, each: int) -> Counter[str]:
    """CLIENTS clients at once, each with a connection of its own for every request, so that all workers get some."""

    def client() -> list[str]:
        return [outcome(api.call(token, limit=5)) for _ in range(each)]

    return Counter(answer for answers in side_by_side(*[client] * CLIENTS) for answer in answers)


def test_the_hundredth_request_of_the_day_is_answered_and_the_next_refused(
    api: Api, engine: Engine, company: int
) -> None:
    tokens = [make_token(engine, company), make_token(engine, company)]  # the quota is the company's
    first = hammer(api, tokens[0], each=12)
    assert first == {"ok": 96}
    assert [outcome(api.call(tokens[1], limit=5)) for _ in range(6)] == ["ok"] * 4 + ["ratelimitexceeded"] * 2
    assert hammer(api, tokens[0], each=3) == {"ratelimitexceeded": 24}
    refused = api.call(tokens[0])
    assert (refused.status_code, refused.json()) == (
        200,
        {
            "exception": "moodle_exception",
            "errorcode": "ratelimitexceeded",
            "message": "Daily rate limit exceeded",
        },
    )
    assert charged(engine, company, requests=96 + 6 + 24 + 1) == 100


def test_never_more_than_a_hundred_are_answered_while_workers_are_killed(
    api: Api, engine: Engine, company: int
) -> None:
    token, answers, stop = make_token(engine, company), Counter[str](), threading.Event()
    lock = threading.Lock()

    def client() -> None:
        while not stop.is_set():
            try:
                found = outcome(api.call(token, limit=5))
            except (httpx.TransportError, ValueError):
                found = "broken"
            with lock:
                answers[found] += 1

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    wait_for(lambda: answers["ok"] >= 20, timeout_s=30, describe="the first answers")
    for pid in api.workers():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: answers["ratelimitexceeded"] >= 20, timeout_s=60, describe="the end of the quota")
    stop.set()
    for thread in threads:
        thread.join()
    # What was counted for an answer that died on its way is lost to the company, never given twice.
    assert 100 - 3 * 4 <= answers["ok"] <= 100
    api.stop()
    api.start()
    assert outcome(api.call(token)) == "ratelimitexceeded"


def test_a_companys_own_quota_counts_in_all_workers_from_the_next_request_on(
    api: Api, engine: Engine, company: int
) -> None:
    CompanyTable(engine, next(COMPANY_IDS)).fill(20)
    token, other = make_token(engine, company), make_token(engine, company + 1)
    assert hammer(api, token, each=1) == {"ok": CLIENTS}
    set_company(engine, company, rate_limit=10)
    assert hammer(api, token, each=2) == {"ok": 2, "ratelimitexceeded": 14}
    assert hammer(api, other, each=2) == {"ok": 16}
    set_company(engine, company, rate_limit=0)
    assert hammer(api, token, each=15) == {"ok": 120}
    set_company(engine, company, rate_limit=11)
    assert hammer(api, token, each=1) == {"ratelimitexceeded": CLIENTS}


def test_quota_mode_reads_counts_a_read_once(api: Api, engine: Engine, company: int) -> None:
    token = make_token(engine, company)
    set_company(engine, company, quota_mode="reads", rate_limit=2)

    def read(limit: int) -> list[str]:
        return [outcome(api.call(token, limit=limit, offset=offset)) for offset in range(0, 25, limit)]

    assert read(5) == ["ok"] * 5  # one
    assert side_by_side(*[lambda: read(5)] * 4) == [["ok"] * 5] * 4  # free: the same read, within two minutes
    assert read(10) == ["ok"] * 3  # two
    assert read(4)[0] == "ratelimitexceeded"
    assert read(5) == ["ok"] * 5
    let_two_minutes_pass(engine)
    assert read(5)[0] == "ratelimitexceeded"
    assert read(5)[0] == "ratelimitexceeded"  # a refused try makes the next one no cheaper
    assert charged(engine, company, requests=5 + 20 + 3 + 7 + 5 + 5 + 5) == 2


def test_quota_mode_reads_gives_nothing_more_to_those_who_ask_at_once(api: Api, engine: Engine, company: int) -> None:
    token = make_token(engine, company)
    set_company(engine, company, quota_mode="reads", rate_limit=1)
    assert outcome(api.call(token, limit=6)) == "ok"
    assert hammer(api, token, each=10) == {"ratelimitexceeded": 80}
    set_company(engine, company, rate_limit=2)
    assert hammer(api, token, each=3) == {"ok": 24}  # one read
    assert charged(engine, company, requests=1 + 80 + 24) == 2


def charged(engine: Engine, companyid: int, *, requests: int) -> int:
    """How many of the company's requests were counted, once all are in the log."""
    rows = logged(engine, at_least=requests, companyid=companyid)
    assert len(rows) == requests
    return sum(row["charged"] for row in rows)


def let_two_minutes_pass(engine: Engine) -> None:
    """Since the last charge."""
    with transaction(engine) as connection:
        connection.execute(update(api_sessions).values(charged_at=api_sessions.c.charged_at - 121))


def test_a_quota_used_up_is_free_again_on_the_next_local_day(engine: Engine, company: int, tmp_path: Path) -> None:
    """The days of two zones: where one has midnight the quota begins anew, in the other it does not."""
    token = make_token(engine, company)
    set_company(engine, company, rate_limit=1)
    here, there = "Pacific/Kiritimati", "Pacific/Niue"  # 25 hours apart: never the same date
    with Api(tmp_path / "here", engine.url, {"ALX_TIMEZONE": here}).running() as api:
        assert [outcome(api.call(token)) for _ in range(2)] == ["ok", "ratelimitexceeded"]
    with Api(tmp_path / "there", engine.url, {"ALX_TIMEZONE": there}).running() as api:
        assert [outcome(api.call(token)) for _ in range(2)] == ["ok", "ratelimitexceeded"]
