"""PgBouncer, the pooler, before the PostgreSQL of the tests."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import URL

from support.services import find_program


@contextmanager
def pgbouncer(server: URL, *, pool_mode: str = "session", **settings: str) -> Iterator[URL]:
    """Run one before the server of the URL, and yield the URL that leads through it.

    Skips the test when it is not installed, or fails where CI demands it.
    """
    program = find_program("pgbouncer", package="pgbouncer")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # It does not run as root: then as nobody, who can't look into pytest's folders.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        target = f"host={server.host} port={server.port or 5432} user={server.username}"
        if server.password:
            target += f" password={server.password}"
        lines = {
            "listen_addr": "127.0.0.1", "listen_port": str(port), "auth_type": "any", "pool_mode": pool_mode,
            "unix_socket_dir": "", **settings,
        }  # fmt: skip
        configuration = Path(folder, "pgbouncer.ini")
        options = "\n".join(f"{name} = {value}" for name, value in lines.items())
        configuration.write_text(f"[databases]\n* = {target}\n[pgbouncer]\n{options}\n")
        process = subprocess.Popen(
            [program, str(configuration)], user=user, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            _wait_for(port, process)
            yield server.set(host="127.0.0.1", port=port)
        finally:
            process.kill()
            process.communicate()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", *, timeout_s: float = 30) -> None:
    give_up = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < give_up, "pgbouncer does not listen"
            time.sleep(0.05)
        else:
            return
