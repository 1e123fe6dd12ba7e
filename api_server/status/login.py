"""Giving the password, and taking the session back."""

import re
from urllib.parse import parse_qs

import falcon
from sqlalchemy.exc import DBAPIError

from alx_core.clock import Clock
from alx_core.errors import StoreError
from alx_core.logs import get_logger
from alx_core.store.status_logins import MAX_ATTEMPTS, PERIOD_S, count_attempt, forget_attempts
from api_server.database import Database
from api_server.status.address import PATH
from api_server.status.gate import Answer, Gate
from api_server.status.pages import Pages
from api_server.status.responses import HEADERS, refuse, send_html
from api_server.status.session import COOKIE, LIFETIME_S

log = get_logger()

MAX_FORM_BYTES = 4096
OWN_ADDRESS = re.compile(r"/status(\?[^\s#\\]*)?", re.ASCII)
"""Where the login may lead: this page and nowhere else."""


class LoginResource:
    """`/status/login`."""

    def __init__(self, database: Database, gate: Gate, pages: Pages, clock: Clock) -> None:
        """Keep the collaborators."""
        self._database = database
        self._gate = gate
        self._pages = pages
        self._clock = clock

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Ask for the password: 200; 303 to the page for whoever needs none; 403 to strangers without a password."""
        target = _target(req.get_param("next"))
        answer = self._gate.judge(req)
        if answer is Answer.REFUSED:
            return refuse(resp, self._pages, int(self._clock()))
        if answer is Answer.WELCOME:
            return _see(resp, target)
        return send_html(resp, self._pages.login(target))

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take the password: 303 to the page with a session; 403 for a wrong one; 429 for too many; 503."""
        sessions = self._gate.sessions
        if sessions is None:
            return self.on_get(req, resp)
        form = parse_qs(req.bounded_stream.read(MAX_FORM_BYTES).decode("utf-8", "replace"))
        target = _target(form.get("next", [""])[0])
        address = self._gate.address_of(req)
        try:
            with self._database.connection() as connection:
                # Counted before it is looked at: a thousand attempts at once are a thousand attempts.
                attempts = count_attempt(connection, address, now=int(self._clock()))
                is_right = attempts <= MAX_ATTEMPTS and sessions.is_password(form.get("password", [""])[0])
                if is_right:
                    forget_attempts(connection, address)
        except (StoreError, DBAPIError):
            error = "The reporting database does not answer, and attempts can't be counted. Try again in a moment."
            return send_html(resp, self._pages.login(target, error=error), status=falcon.HTTP_503)
        if is_right:
            is_https = req.forwarded_scheme == "https"
            _see(resp, target)
            cookie = sessions.open(self._clock())
            resp.set_cookie(
                COOKIE, cookie, max_age=LIFETIME_S, path=PATH, secure=is_https, http_only=True, same_site="Strict"
            )
            return None
        log.warning("status_login_refused", address=address, attempts=attempts)
        if attempts > MAX_ATTEMPTS:
            wait_s = PERIOD_S - int(self._clock()) % PERIOD_S
            error = f"Too many attempts from your address. Try again in {-(-wait_s // 60)} min."
            send_html(resp, self._pages.login(target, error=error), status=falcon.HTTP_429)
            resp.retry_after = wait_s
            return None
        return send_html(resp, self._pages.login(target, error="That is not the password."), status=falcon.HTTP_403)


class LogoutResource:
    """`/status/logout`."""

    def __init__(self, gate: Gate) -> None:
        """Keep the gate."""
        self._gate = gate

    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Take the session's cookie away: 303 to the login."""
        _see(resp, f"{PATH}/login")
        resp.unset_cookie(COOKIE, path=PATH, same_site="Strict")


class SessionResource:
    """`/status/session`."""

    def __init__(self, gate: Gate) -> None:
        """Keep the gate."""
        self._gate = gate

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say whether there is a session: 204, or 401.

        A browser keeps a strict cookie back when a link from elsewhere, such as an alert's, leads here. The login
        page's script asks once more from here, and goes on without a password.
        """
        is_welcome = self._gate.judge(req) is Answer.WELCOME
        resp.status = falcon.HTTP_204 if is_welcome else falcon.HTTP_401
        resp.set_headers(HEADERS)


def _see(resp: falcon.Response, target: str) -> None:
    send_html(resp, "", status=falcon.HTTP_303)
    resp.location = target


def _target(text: str | None) -> str:
    return text if text and OWN_ADDRESS.fullmatch(text) else PATH
