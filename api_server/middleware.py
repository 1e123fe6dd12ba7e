"""What happens to every request: an id, security headers, and one line in the log."""

import re
import time
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import falcon

from alx_core.logs import get_logger
from alx_core.printable import printable
from api_server.client_address import client_address
from api_server.entry import COURSE_PROGRESS, OTHER, USER_AGENT_LENGTH, LogEntry
from api_server.errors import code_of, is_moodles
from api_server.journal import Journal
from api_server.redaction import redact

log = get_logger()

METHOD_LENGTH = 8
SLASHES = re.compile("/{2,}")
UNLOGGED = ("healthz", "readyz", "metrics", "status")
"""First parts of paths that watch the API rather than use it: they would drown the log, and spoil its figures."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Those of every answer; a resource may set its own in their place."""


class RequestLog:
    """Makes each request's log entry, and writes it before the answer goes out."""

    def __init__(self, journal: Journal, trusted_proxies: str, clock: Callable[[], float] = time.time) -> None:
        """Write to `journal`."""
        self._journal = journal
        self._trusted_proxies = trusted_proxies
        self._clock = clock
        self.unanswered_at: float | None = None
        """When the newest call found the database away or unable to write (epoch seconds); None: it was answered."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Begin the entry, and set the headers of all answers."""
        resp.set_headers(HEADERS)
        req.path = _without_doubled_slashes(req.path)
        address = client_address(req.remote_addr or "", req.get_header("X-Forwarded-For"), self._trusted_proxies)
        req.context.began = time.perf_counter()
        req.context.entry = LogEntry(
            request_id=str(uuid.uuid4()),
            timeaccessed=int(self._clock() * 1000),
            method=printable(req.method)[:METHOD_LENGTH],
            ip_address=address,
            user_agent=_user_agent(req.user_agent or ""),
            endpoint=COURSE_PROGRESS if is_moodles(req) else OTHER,
        )

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, _resource: Any, _req_succeeded: bool
    ) -> None:
        """Finish the entry and write it; a full disk costs the entry, not the answer."""
        entry: LogEntry = req.context.entry
        resp.set_header("X-Request-ID", entry.request_id)
        if req.path[1:].partition("/")[0] in UNLOGGED:
            return
        entry.http_status = resp.status_code
        if entry.endpoint == COURSE_PROGRESS:
            self.unanswered_at = self._clock() if resp.status_code == 503 else None
        entry.bytes = len(resp.data or b"")
        entry.response_time_ms = round((time.perf_counter() - req.context.began) * 1000, 3)
        self._write(entry)

    def refused_unread(self, address: str, status: int, body_bytes: int) -> None:
        """Log a request that the HTTP server refused because it can't read it: nothing else is known of it."""
        entry = LogEntry(
            request_id=str(uuid.uuid4()),
            timeaccessed=int(self._clock() * 1000),
            method="",
            ip_address=client_address(address, None, self._trusted_proxies),
            user_agent="",
            outcome=code_of(status),
            http_status=status,
            bytes=body_bytes,
        )
        self._write(entry)

    def _write(self, entry: LogEntry) -> None:
        try:
            self._journal.write(entry)
        except OSError as error:
            log.error("request_not_logged", request_id=entry.request_id, error=error.strerror)


def _without_doubled_slashes(path: str) -> str:
    """An address put together from a base that ends in a slash: web servers before a Moodle answer it."""
    return SLASHES.sub("/", path).rstrip("/") or "/" if "//" in path or path.endswith("/") else path


@lru_cache(maxsize=1024)
def _user_agent(header: str) -> str:
    """What is kept of the header: the programs that call are few, and each calls often."""
    return redact(printable(header))[:USER_AGENT_LENGTH]
