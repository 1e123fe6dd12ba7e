"""Who may ask Dagit: by the headers that a browser sends, and that a page of another site can't change."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from alx_cli.dagit_guard import DagitGuard

OWN = "127.0.0.1:3000"
PUBLIC = "https://dagit.example.com"


GRAPHQL = "/graphql"


def is_let_in(method: str, path: str, headers: dict[str, str]) -> bool:
    """Ask through the guard; whether the app was reached. It was, or 403 was answered."""
    sent: list[Any] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "reached"})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect" if method == "websocket" else "http.request"}

    scope = {
        "type": "websocket" if method == "websocket" else "http", "method": method, "path": path, "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in ({"Host": OWN} | headers).items()],
        "extensions": {"websocket.http.response": {}},
    }  # fmt: skip
    asyncio.run(DagitGuard(app, bound_to="127.0.0.1", public_url=PUBLIC)(scope, receive, send))
    assert sent[0]["type"] == "reached" or sent[0]["status"] == 403
    return bool(sent[0]["type"] == "reached")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{OWN}"},
        {"Host": "localhost:3000", "Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:3000"},
        {"Host": "[::1]:3000", "Origin": "http://[::1]:3000"},
        {"Host": "10.0.0.7:3000", "Origin": "http://10.0.0.7:3000"},
        {"Host": "Dagit.example.com", "Sec-Fetch-Site": "same-origin", "Origin": PUBLIC},
        {"Host": "dagit.example.com", "Origin": f"{PUBLIC}:8443"},
        {"Origin": PUBLIC},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["POST", "websocket"])
def test_dagits_own_pages_and_programs_ask_graphql(method: str, headers: dict[str, str]) -> None:
    assert is_let_in(method, GRAPHQL, headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8000"},
        {"Origin": "http://[broken"},
        {"Host": "dagit.example.com", "Origin": "https://example.com"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", GRAPHQL), ("websocket", GRAPHQL), ("POST", "/report_asset_materialization/reporting_table")],
)
def test_a_page_of_another_site_changes_nothing(method: str, path: str, headers: dict[str, str]) -> None:
    assert not is_let_in(method, path, headers)


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site"}], ids=str)
def test_a_link_asks_graphql_nothing(headers: dict[str, str]) -> None:
    assert not is_let_in("GET", GRAPHQL, headers)


def test_a_link_from_a_message_opens_a_page() -> None:
    assert is_let_in("GET", "/assets/reporting_table", {"Sec-Fetch-Site": "cross-site"})


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "dagit.example.com.evil.example", "", "[broken"])
@pytest.mark.parametrize("method", ["GET", "POST", "websocket"])
def test_a_name_that_was_made_to_point_here_opens_nothing(method: str, host: str) -> None:
    assert not is_let_in(method, "/assets", {"Host": host})
