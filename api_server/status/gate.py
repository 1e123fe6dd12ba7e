"""Who may see the status page: whoever knows the password; without one, nobody but this machine itself."""

from enum import StrEnum

import falcon

from alx_core.clock import Clock
from alx_core.domain.networks import parse_address, site_of
from alx_core.settings import Settings
from api_server.client_address import client_address
from api_server.status.session import COOKIE, Sessions

HTTP_1_0 = "HTTP/1.0"
PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")
"""A request that carries one of these came through a proxy, from wherever; what they say is not looked at."""


class Answer(StrEnum):
    """What becomes of a visitor."""

    WELCOME = "welcome"
    LOGIN = "login"
    """The password is asked for."""
    REFUSED = "refused"
    """There is no password, and the visitor is not on this machine."""


class Gate:
    """Decides about visitors; one per process."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Take the password from the settings; an empty one is none."""
        secret = settings.status_password
        password = "" if secret is None else secret.get_secret_value()
        self.sessions = Sessions(password) if password else None
        self._trusted_proxies = settings.trusted_proxies
        self._clock = clock

    def judge(self, req: falcon.Request) -> Answer:
        """Decide about a request."""
        if self.sessions is None:
            return Answer.WELCOME if is_local(req) else Answer.REFUSED
        cookies = req.get_cookie_values(COOKIE) or []
        is_open = any(self.sessions.is_open(cookie, self._clock()) for cookie in cookies)
        return Answer.WELCOME if is_open else Answer.LOGIN

    def address_of(self, req: falcon.Request) -> str:
        """Return the address attempts are counted for: the client's, or the /64 of an IPv6 one; its owner has all."""
        return site_of(client_address(req.remote_addr, req.get_header("X-Forwarded-For"), self._trusted_proxies))


def is_local(req: falcon.Request) -> bool:
    """Whether the request was made on this machine, by somebody who asked for this machine.

    The peer's address says who connects, and no header can change that. A proxy on this machine is local too, but not
    those behind it: what carries a proxy's header is refused. So is any other name in `Host`: a web page elsewhere can
    have its own name lead to 127.0.0.1 and so make the browser of somebody on this machine read for it.

    nginx adds no header unless it is told to, and until 1.29.7 spoke HTTP/1.0 to what is behind it; browsers and other
    clients have spoken 1.1 for decades. A proxy that speaks 1.1 and adds nothing looks like this machine itself.
    """
    if req.env.get("SERVER_PROTOCOL") == HTTP_1_0:
        return False
    if any(req.get_header(name) is not None for name in PROXY_HEADERS):
        return False
    return _is_loopback(req.remote_addr) and _is_own_name(_host_of(req))


def _host_of(req: falcon.Request) -> str:
    try:
        return req.host
    except ValueError:  # the port is no number
        return ""


def _is_loopback(text: str) -> bool:
    address = parse_address(text.strip("[]"))
    return address is not None and address.is_loopback


def _is_own_name(host: str) -> bool:
    return host.lower() == "localhost" or _is_loopback(host)
