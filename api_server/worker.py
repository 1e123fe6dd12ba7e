"""gunicorn's threads, with a limit to how long a client may keep one waiting, and no detour between two requests."""

import select
import socket
import struct
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

SILENCE_S = 10
"""Seconds without a byte of a request that has begun, or taken of its answer. gunicorn itself waits for ever, and a few
clients that stop in the middle would hold every thread."""
NEXT_MS = 2
"""Milliseconds in which a thread takes the next request of its connection itself. gunicorn hands each connection back
to its main thread, which watches it and hands it on to a thread: more work than many a request."""


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gives up a connection that falls silent in the middle; stays with one whose next request comes at once."""

    def handle(self, conn: Any) -> Any:
        """Serve the requests that follow upon each other. The kernel keeps the time, whatever mode gunicorn sets."""
        if not conn.initialized:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                conn.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", SILENCE_S, 0))
        goes_on = super().handle(conn)
        while goes_on is True and self.alive and self._is_free() and _has_more(conn):
            goes_on = super().handle(conn)
        return goes_on

    def _is_free(self) -> bool:
        """Whether no other connection waits for a thread."""
        return bool(self.tpool._work_queue.empty())  # noqa: SLF001  # the executor tells nobody else


def _has_more(conn: Any) -> bool:
    watch = select.poll()
    watch.register(conn.sock, select.POLLIN)
    return bool(watch.poll(NEXT_MS))
