"""Dagit as `alx up` starts it, in a real browser: its own pages work, and those of another site change nothing."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Response, WebSocket

from support.browser import chromium
from support.stack import Stack, wait_for

pytestmark = pytest.mark.slow

POOL = "of_another_site"
SET_LIMIT = f'mutation {{ setConcurrencyLimit(concurrencyKey: "{POOL}", limit: 7) }}'
LIMITS = "{ instance { concurrencyLimits { concurrencyKey } } }"
FOREIGN = """\
<script>
const http = "http://127.0.0.1:PORT/graphql", body = JSON.stringify({query: MUTATION});
const link = http + "?query=" + encodeURIComponent(MUTATION);
async function ask() {
  await fetch(link, {mode: "no-cors"});
  await fetch(link, {mode: "no-cors", method: "POST"});
  await fetch(http, {mode: "no-cors", method: "POST", body});
  return await new Promise(done => {
    const socket = new WebSocket(http.replace("http", "ws"), "graphql-ws");
    socket.onopen = () => done("open");
    socket.onerror = () => done("refused");
  });
}
</script>
"""


@pytest.fixture(scope="module")
def stack(site_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("guarded") / "home"
    made = Stack(home, {"ALX_MOODLE_URL": f"sqlite:///{site_file}"})
    with made.up():
        yield made
    made.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@contextmanager
def site_of_somebody(page: str) -> Iterator[str]:
    """Serve one page at an address of its own; yield that."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def limits(stack: Stack) -> set[str]:
    return {each["concurrencyKey"] for each in stack.graphql(LIMITS)["instance"]["concurrencyLimits"]}


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_dagits_own_pages_ask_graphql_and_are_told_news_by_websocket(stack: Stack, browser: Browser, name: str) -> None:
    page, answers, frames = browser.new_page(), [], []

    def hear(frame: str | bytes) -> None:
        frames.append(frame)

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", hear)

    def note(answer: Response) -> None:
        answers.append((answer.status, answer.url))

    page.on("websocket", listen)
    page.on("response", note)
    page.goto(f"http://{name}:{stack.dagit_port}/assets/reporting_table")
    page.get_by_text("reporting_table").first.wait_for()
    wait_for(lambda: page.wait_for_timeout(100) or frames, timeout_s=30, describe="news by WebSocket")
    assert any("/graphql" in url for _, url in answers)
    assert [each for each in answers if each[0] >= 400] == []
    page.close()


def test_a_page_of_another_site_changes_nothing_in_dagit(stack: Stack, browser: Browser) -> None:
    foreign = FOREIGN.replace("PORT", str(stack.dagit_port)).replace("MUTATION", json.dumps(SET_LIMIT))
    with site_of_somebody(foreign) as url:
        page, statuses = browser.new_page(), []

        def note(answer: Response) -> None:
            statuses.append(answer.status)

        page.goto(url)
        page.on("response", note)
        assert page.evaluate("ask()") == "refused"
        page.close()
    assert statuses == [403, 403, 403]
    assert POOL not in limits(stack)


def test_a_name_that_was_made_to_point_to_this_machine_opens_nothing(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.dagit_port}/graphql"
    for host, status in (("evil.example", 403), (f"localhost:{stack.dagit_port}", 200)):
        answer = httpx.post(url, json={"query": LIMITS}, headers={"Host": host})
        assert answer.status_code == status
