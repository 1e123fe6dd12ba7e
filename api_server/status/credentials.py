"""The page's password in the header `Authorization`, as programs send it: for `/metrics` and `/status/data`."""

import base64

import falcon
from sqlalchemy import Connection

from alx_core.logs import get_logger
from alx_core.store.status_logins import MAX_ATTEMPTS, PERIOD_S, attempts_of, count_attempt
from api_server.status.gate import Gate
from api_server.status.session import Sessions

log = get_logger()


def require_password(req: falcon.Request, connection: Connection, gate: Gate, sessions: Sessions, now: int) -> None:
    """Raise falcon's 401 without the password (Basic or Bearer), and 429 after too many wrong ones from the address.

    Wrong ones count with those that are tried at the login. A right one writes nothing: a program must not wait for a
    sync that has SQLite's one place for a writer.
    """
    address = gate.address_of(req)
    if attempts_of(connection, address, now=now) >= MAX_ATTEMPTS:
        raise falcon.HTTPTooManyRequests(description="Too many attempts.", retry_after=PERIOD_S - now % PERIOD_S)
    password = _password_of(req)
    if sessions.is_password(password):
        return
    if password:  # who sends none, as a browser does at first, has tried none
        attempts = count_attempt(connection, address, now=now)
        log.warning("password_refused", path=req.path, address=address, attempts=attempts)
    raise falcon.HTTPUnauthorized(description="The password is wrong.", challenges=['Basic realm="alx"'])


def _password_of(req: falcon.Request) -> str:
    scheme, _, value = (req.get_header("Authorization") or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except ValueError:  # no Base64, or no UTF-8 in it
        return ""
