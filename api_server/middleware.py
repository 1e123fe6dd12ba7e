"""What happens to every request: an id, a time limit for its body, security headers, and one line in the log."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import falcon
import structlog

from api_server.client_address import client_address
from api_server.entry import USER_AGENT_LENGTH, LogEntry, printable
from api_server.journal import Journal
from api_server.redaction import redact

log = structlog.get_logger()

BODY_TIMEOUT_S = 10.0
"""Seconds that a client may stop in the middle of its body, before the connection is given up."""
SOCKET = "gunicorn.socket"
METHOD_LENGTH = 8
UNLOGGED = ("/healthz", "/readyz", "/metrics", "/status")
"""Paths that watch the API rather than use it: they would drown the log, and spoil its figures."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Set unless the resource has its own."""


class RequestLog:
    """Makes each request's log entry, and writes it before the answer goes out."""

    def __init__(self, journal: Journal, trusted_proxies: str, clock: Callable[[], float] = time.time) -> None:
        """Write to `journal`."""
        self._journal = journal
        self._trusted_proxies = trusted_proxies
        self._clock = clock

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        """Begin the entry."""
        address = client_address(req.remote_addr or "", req.get_header("X-Forwarded-For"), self._trusted_proxies)
        req.context.began = time.perf_counter()
        req.context.entry = LogEntry(
            request_id=str(uuid.uuid4()),
            timeaccessed=int(self._clock() * 1000),
            method=printable(req.method)[:METHOD_LENGTH],
            ip_address=address,
            user_agent=redact(printable(req.user_agent or ""))[:USER_AGENT_LENGTH],
            is_logged=not req.path.startswith(UNLOGGED),
        )
        socket = req.env.get(SOCKET)
        if socket is not None:
            socket.settimeout(BODY_TIMEOUT_S)

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, _resource: Any, _req_succeeded: bool
    ) -> None:
        """Finish the entry and write it; a full disk costs the entry, not the answer."""
        entry: LogEntry = req.context.entry
        resp.set_header("X-Request-ID", entry.request_id)
        for name, value in HEADERS.items():
            if resp.get_header(name) is None:
                resp.set_header(name, value)
        if not entry.is_logged:
            return
        entry.http_status = resp.status_code
        entry.bytes = len(resp.data or b"")
        entry.response_time_ms = round((time.perf_counter() - req.context.began) * 1000, 3)
        try:
            self._journal.write(entry.record())
        except OSError as error:
            log.error("request_not_logged", request_id=entry.request_id, error=error.strerror)
