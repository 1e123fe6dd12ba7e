"""A real nginx: with the configuration of `deploy/nginx`, at ports and with certificates of a test's own, or plain."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.certificates import Authority
from support.services import find_program, wait_until_it_listens
from support.stack import free_port

SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx" / "alx.conf"
REPORTS, DAGIT = "reports.example.com", "dagit.example.com"
OPERATOR = ("operator", "geheim")
MAIN = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/alx.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it listens, who signed its certificate, and what it wrote of its requests."""

    port: int
    authority: Path
    access_log: Path


@contextmanager
def nginx(folder: Path, *, api_port: int, dagit_port: int) -> Iterator[Proxy]:
    """Run nginx before an API and a Dagit of this machine. Skips the test when it is not installed."""
    program = find_program("nginx", package="nginx-light")
    authority, port = Authority(folder, "authority"), free_port()
    issued = authority.issue(REPORTS, DAGIT)
    (folder / "htpasswd").write_text("{}:{{PLAIN}}{}\n".format(*OPERATOR))
    configuration = SHIPPED.read_text()
    for shipped, here in {
        r"listen \[::\]:443 ssl;": "",
        r"listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        r"/etc/ssl/alx/fullchain\.pem": str(issued.certificate),
        r"/etc/ssl/alx/privkey\.pem": str(issued.key),
        r"/etc/nginx/alx\.htpasswd": f"{folder}/htpasswd",
        r"/var/log/nginx/": f"{folder}/",
        r"127\.0\.0\.1:8000": f"127.0.0.1:{api_port}",
        r"127\.0\.0\.1:3000": f"127.0.0.1:{dagit_port}",
    }.items():
        configuration, found = re.subn(shipped, here, configuration)
        assert found, f"{shipped} is not in {SHIPPED}"
    with _running(program, folder, configuration, port):
        yield Proxy(port, authority.file, folder / "alx.log")


@contextmanager
def plain_nginx(folder: Path, *, api_port: int) -> Iterator[int]:
    """Run nginx as it is before an API of this machine; yield its port. Skips the test when it is not installed."""
    program, port = find_program("nginx", package="nginx-light"), free_port()
    server = f"listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{api_port}; }}"
    with _running(program, folder, f"access_log off; server {{ {server} }}", port):
        yield port


@contextmanager
def _running(program: str, folder: Path, configuration: str, port: int) -> Iterator[None]:
    (folder / "alx.conf").write_text(configuration)
    user = "user root;" if os.geteuid() == 0 else ""  # its workers may look into pytest's folders
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))
    with (folder / "printed").open("wb") as printed:
        process = subprocess.Popen([program, "-c", str(folder / "nginx.conf")], stdout=printed, stderr=printed)
    try:
        wait_until_it_listens(port, process, folder / "printed")
        yield
    finally:
        process.terminate()
        process.wait(30)
