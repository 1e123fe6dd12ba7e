"""How long a MariaDB or MySQL that vanished without a word is waited for: as long as PostgreSQL is.

Its drivers wait for hours, or for ever, and in C, where no signal reaches the run: it would count as cancelled, live
on, and hold the writer's lock against every later sync.
"""

import socket
from typing import Any

from alx_core.store.engine import GONE_AFTER

IDLE_S, INTERVAL_S, COUNT = (GONE_AFTER[f"keepalives_{name}"] for name in ("idle", "interval", "count"))

CONNECTORX_LIMITS = {
    "tcp_keepalive_time_ms": str(IDLE_S * 1000),
    "tcp_keepalive_probe_interval_secs": str(INTERVAL_S),
    "tcp_keepalive_probe_count": str(COUNT),
}
"""In the URL, as the Rust crate `mysql` names them."""

SOCKET_OPTIONS = {
    getattr(socket, "TCP_KEEPIDLE", 0x10): IDLE_S,  # macOS calls it TCP_KEEPALIVE
    socket.TCP_KEEPINTVL: INTERVAL_S,
    socket.TCP_KEEPCNT: COUNT,
}


def limit_silence(connection: Any, _record: object) -> None:
    """Set the limits on a new connection of PyMySQL, which itself only switches keep-alive on."""
    made: socket.socket = connection._sock  # noqa: SLF001  # it has no option for these
    if made.family in (socket.AF_INET, socket.AF_INET6):
        for option, value in SOCKET_OPTIONS.items():
            made.setsockopt(socket.IPPROTO_TCP, option, value)
