"""gunicorn's threads, with a limit to how long a client may keep one waiting."""

import socket
import struct
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

RECEIVE_TIMEOUT_S = 10
"""Seconds without a byte of a request that has begun. gunicorn itself waits for ever, and a few clients that stop in
the middle of their headers would hold every thread."""


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gives up a connection that falls silent in the middle of a request."""

    def handle(self, conn: Any) -> Any:
        """Serve a request. The kernel keeps the limit, whatever blocking mode gunicorn sets."""
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", RECEIVE_TIMEOUT_S, 0))
        return super().handle(conn)
