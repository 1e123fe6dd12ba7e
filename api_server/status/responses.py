"""What every answer of the status page has in common: its headers."""

from urllib.parse import urlencode

import falcon

from api_server.status.address import PATH
from api_server.status.cards import Tone, Verdict
from api_server.status.pages import Pages

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

REFUSAL = Verdict(
    Tone.BAD,
    "This page answers its own machine alone",
    "No password is set. Open it on the machine itself, as http://127.0.0.1 with the API's port, or set "
    "ALX_STATUS_PASSWORD and restart the API.",
)


def send_html(resp: falcon.Response, body: str, *, status: str = falcon.HTTP_200) -> None:
    """Send a page."""
    resp.status = status
    resp.content_type = falcon.MEDIA_HTML
    resp.text = body
    resp.set_headers(HEADERS)


def send_json(resp: falcon.Response, body: bytes, *, status: str = falcon.HTTP_200) -> None:
    """Send data."""
    resp.status = status
    resp.content_type = falcon.MEDIA_JSON
    resp.data = body
    resp.set_headers(HEADERS)


def refuse(resp: falcon.Response, pages: Pages, now: int) -> None:
    """Say 403, why, and what to do."""
    send_html(resp, pages.notice(REFUSAL, now=now, is_retried=False), status=falcon.HTTP_403)


def login_address(target: str) -> str:
    """Return where the password is asked for, before `target`."""
    return f"{PATH}/login?{urlencode({'next': target})}"
