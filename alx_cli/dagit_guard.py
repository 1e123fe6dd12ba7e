"""Who may ask Dagit, which has no login: its own pages and programs, not a page of another site in somebody's browser.

A browser lets any page send requests to this machine. It says so in `Sec-Fetch-Site` and `Origin`, which pages can't
change (source: Fetch Metadata Request Headers, W3C; Fetch, WHATWG), and a name that was made to point here (DNS
rebinding) stands in `Host`. Programs send neither of the first two.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

GRAPHQL = "/graphql"
OWN_SITES = ("same-origin", "none")
"""What Sec-Fetch-Site says of Dagit's own pages, and of an address that somebody typed or chose."""
OF_A_PAGE = ("GET", "HEAD")


class DagitGuard:
    """ASGI middleware that answers 403 to what `refusal` refuses, HTTP and WebSocket alike."""

    def __init__(self, app: ASGIApp, *, bound_to: str, public_url: str) -> None:
        """Guard the app that listens at the host `bound_to` and that people reach at `public_url`."""
        self._app, self._bound_to, self._public = app, bound_to, _split(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        why = "" if scope["type"] == "lifespan" else self._refusal(scope)
        answer: Any = PlainTextResponse(f"{why}\n", 403) if why else self._app
        await answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        if not _is_ours(headers.get("host", ""), {"localhost", self._bound_to, self._public.hostname}):
            return "Dagit is not known by this name. ALX_DAGSTER_URL is the address under which people reach it."
        is_page = scope["type"] == "http" and scope["method"] in OF_A_PAGE
        if is_page and scope["path"] != GRAPHQL:
            return ""
        if is_page:
            return "Ask GraphQL by POST."
        return "" if _is_from_here(headers, self._public) else "A page of another site may not ask for this."


def _is_ours(host: str, names: set[str | None]) -> bool:
    """Whether it is one of the names, or an address: no other site can have that for its name."""
    name = _split(f"//{host}").hostname
    return name in names or (name is not None and _is_address(name))


def _is_from_here(headers: Mapping[str, str], public: SplitResult) -> bool:
    """Whether a page of Dagit's asks, or a program. A proxy may have changed `Host`, or left its port out."""
    if headers.get("sec-fetch-site", "none") not in OWN_SITES:
        return False
    if "origin" not in headers:
        return True
    origin, host = _split(headers["origin"]), headers["host"].lower()
    return host in (origin.netloc, origin.hostname) or origin[:2] == public[:2]


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url.lower())
    except ValueError:
        return urlsplit("")
