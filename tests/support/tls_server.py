"""A MariaDB of this machine that speaks TLS, with certificates made for it; those of Debian speak none."""

import getpass
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from support.certificates import Authority
from support.services import find_program
from support.stack import free_port

NAME = "localhost"
"""The one name in the server's certificate: 127.0.0.1 is none of it."""


class TlsServer(NamedTuple):
    """Where it is, as its administrator, and who signed its certificate."""

    url: URL
    socket: Path
    authority: Authority


@contextmanager
def mariadb_with_tls(folder: Path) -> Iterator[TlsServer]:
    """Run a server of its own in `folder`; skip the test when MariaDB is not installed, or fail where CI demands it."""
    install, server = (find_program(name, package="mariadb-server") for name in ("mariadb-install-db", "mariadbd"))
    authority = Authority(folder, "authority")
    issued = authority.issue(NAME)
    port = free_port()
    common = ["--no-defaults", f"--datadir={folder / 'data'}", f"--user={getpass.getuser()}"]
    subprocess.run(
        [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db", "--force"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    options = {
        "port": port, "bind-address": "127.0.0.1", "socket": folder / "socket", "innodb-buffer-pool-size": "16M",
        "innodb-log-file-size": "8M", "ssl-ca": authority.file, "ssl-cert": issued.certificate, "ssl-key": issued.key,
    }  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [server, *common, *(f"--{name}={value}" for name, value in options.items())], stdout=log, stderr=log
        )
    try:
        url = URL.create("mysql+pymysql", "root", host=NAME, port=port, database="mysql", query={"charset": "utf8mb4"})
        _wait_for(url, process, folder / "log")
        yield TlsServer(url, folder / "socket", authority)
    finally:
        process.kill()
        process.wait()


def _wait_for(url: URL, process: "subprocess.Popen[bytes]", log: Path, *, timeout_s: float = 60) -> None:
    engine, give_up = create_engine(url), time.monotonic() + timeout_s
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < give_up, log.read_text()
            time.sleep(0.1)
        else:
            engine.dispose()
            return
