"""gunicorn's threads, with limits to how long a client may keep one waiting, and no detour between two requests."""

import errno
import math
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

SILENCE_S = 10
"""Seconds without a byte of a request that has begun, or taken of its answer. gunicorn itself waits for ever, and a few
clients that stop in the middle would hold every thread."""
REQUEST_S = 30
"""Seconds for a whole request, however its bytes drip: a page's takes a few hundred bytes."""
ANSWER_S = 300
"""Seconds for a whole answer: a page of 10 MB on a line of 300 kbit/s."""
NEXT_MS = 2
"""Milliseconds in which a thread takes the next request of its connection itself. gunicorn hands each connection back
to its main thread, which watches it and hands it on to a thread: more work than many a request."""
LEAVE_S = 0.001
"""Seconds for which a busy process leaves a new connection to the others. A client's connections often come all at
once and stay: whoever accepted them all would be alone with them, beside processes with nothing to do."""


class PatientSocket(socket.socket):
    """A client's connection that gives up, as if the client had, when a request or an answer takes too long."""

    read_until = math.inf
    """The request must be read by then (`time.monotonic`)."""

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Read; gunicorn reads a request's head and body by this alone. Raises ConnectionResetError: too late."""
        _check(self.read_until)
        return super().recv(size, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of an answer's part. Raises ConnectionResetError: the client took too long to take it."""
        until, rest = time.monotonic() + ANSWER_S, memoryview(data)
        while rest:
            _check(until)
            rest = rest[super().send(rest, flags) :]


class OverheardSocket:
    """A client's connection to which gunicorn sends an answer of its own, and what it sent."""

    def __init__(self, client: socket.socket) -> None:
        """Send to `client`."""
        self._client = client
        self.sent = b""

    def __getattr__(self, name: str) -> Any:
        """Whatever else is done to the connection."""
        return getattr(self._client, name)

    def sendall(self, data: bytes) -> None:
        """Note and send."""
        self.sent += data
        self._client.sendall(data)

    @property
    def status(self) -> int:
        """The status sent; 0: none was."""
        return int(self.sent[9:12] or b"0")

    @property
    def body_bytes(self) -> int:
        """The length of the body sent."""
        return len(self.sent.partition(b"\r\n\r\n")[2])


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gives up a connection that falls silent in the middle; stays with one whose next request comes at once."""

    refused_unread: Callable[[str, int, int], None] | None = None
    """Told the address, the status and the length of the answer where gunicorn refuses what it can't read."""

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection that no idle process wants."""
        if self.nr_conns > len(self.keepalived_conns) + len(self.pending_conns):
            time.sleep(LEAVE_S)
        super().accept(listener)

    def handle(self, conn: Any) -> Any:
        """Serve the requests that follow upon each other. The kernel keeps the time, whatever mode gunicorn sets."""
        if not conn.initialized:
            conn.sock = _patient(conn.sock)
        goes_on = self._handle_one(conn)
        while goes_on is True and self.alive and self._is_free() and _has_more(conn):
            goes_on = self._handle_one(conn)
        return goes_on

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what went wrong as gunicorn does. A request that it could not read has reached no app and no log."""
        overheard = OverheardSocket(client)
        super().handle_error(req, overheard, addr, exc)
        if req is None and overheard.status and self.refused_unread is not None:
            self.refused_unread(addr[0] if addr else "", overheard.status, overheard.body_bytes)

    def _handle_one(self, conn: Any) -> Any:
        conn.sock.read_until = time.monotonic() + REQUEST_S
        return super().handle(conn)

    def _is_free(self) -> bool:
        """Whether no other connection waits for a thread."""
        return bool(self.tpool._work_queue.empty())  # noqa: SLF001  # the executor tells nobody else


def _patient(sock: socket.socket) -> PatientSocket:
    if isinstance(sock, PatientSocket):
        return sock
    timeout_s = sock.gettimeout()
    patient = PatientSocket(fileno=sock.detach())
    patient.settimeout(timeout_s)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        patient.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", SILENCE_S, 0))
    return patient


def _check(until: float) -> None:
    if time.monotonic() > until:
        # gunicorn is quiet about a client that went away, and logs a trace of every other error.
        raise ConnectionResetError(errno.ECONNRESET, "the client is too slow")


def _has_more(conn: Any) -> bool:
    watch = select.poll()
    watch.register(conn.sock, select.POLLIN)
    return bool(watch.poll(NEXT_MS))
