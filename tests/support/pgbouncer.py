"""PgBouncer, the pooler, before the PostgreSQL of the tests."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import URL

from support.services import find_program, wait_until_it_listens
from support.stack import free_port


@contextmanager
def pgbouncer(server: URL, *, pool_mode: str = "session", **settings: str) -> Iterator[URL]:
    """Run one before the server of the URL, and yield the URL that leads through it.

    Skips the test when it is not installed, or fails where CI demands it.
    """
    program = find_program("pgbouncer", package="pgbouncer")
    port = free_port()
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
        printed = Path(folder, "printed")
        with printed.open("wb") as log:
            process = subprocess.Popen([program, str(configuration)], user=user, stdout=log, stderr=log)
        try:
            wait_until_it_listens(port, process, printed)
            yield server.set(host="127.0.0.1", port=port)
        finally:
            process.kill()
            process.wait()
