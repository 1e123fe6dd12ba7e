"""What `alx up` runs: Dagster's code server, daemon and web server, and the API."""

import hashlib
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from alx_cli.api_process import api_command
from alx_cli.ports import answers_on_port
from alx_cli.processes import Service, program
from alx_core.settings import Settings, split_bind
from alx_pipeline.dagster_home import code_server_environment

MODULE = "alx_pipeline.definitions"
LOCATION = "alx_pipeline"
LOG_LEVEL = "warning"
"""Of Dagster's own logs: it tells of each tick that had nothing to do, 17,000 lines a day. Dagit shows them all."""


def dagster_services(settings: Settings) -> list[Service]:
    """Return Dagster's processes in starting order.

    One code server is shared by the daemon and the web server: 340 MiB idle instead of 535. It listens on a Unix
    socket that only this user can reach, because whoever reaches it can run code.
    """
    socket_path = _socket_path(settings)
    socket_path.unlink(missing_ok=True)
    workspace = _write_workspace(settings, socket_path)
    host, port = split_bind(settings.dagster_bind)
    log_format = ["--log-format", "colored" if sys.stdout.isatty() else "json"]
    return [
        Service(
            "Dagster's code server",
            [sys.executable, "-m", "dagster", "api", "grpc", "--socket", str(socket_path), "--module-name", MODULE,
             "--location-name", LOCATION, "--log-level", LOG_LEVEL, *log_format],
            is_ready=_answers_on_socket(socket_path),
            environment=code_server_environment(settings),
        ),
        Service(
            "Dagster's daemon",
            [program("dagster-daemon"), "run", "-w", str(workspace), "--log-level", LOG_LEVEL, *log_format],
        ),
        Service(
            "Dagit",
            [sys.executable, "-m", "alx_cli.dagit", "-h", host, "-p", str(port), "-w", str(workspace),
             "--dagster-log-level", LOG_LEVEL, *log_format],
            is_ready=answers_on_port(settings.dagster_bind),
        ),
    ]  # fmt: skip


def api_service(settings: Settings) -> Service:
    """Return the API's process: gunicorn, with the status page. Syncs go on without it."""
    return Service("The API", api_command(), is_ready=answers_on_port(settings.api_bind), is_awaited=False)


def _answers_on_socket(path: Path) -> Callable[[], bool]:
    def is_ready() -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(path))
            except OSError:
                return False
            return True

    return is_ready


def _socket_path(settings: Settings) -> Path:
    """A short path (a Unix socket's may have 107 bytes), the same for each start of the same installation."""
    digest = hashlib.sha256(str(settings.home.absolute()).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"alx-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder / "code.sock"


def _write_workspace(settings: Settings, socket_path: Path) -> Path:
    path = settings.dagster_home / "workspace.yaml"
    server = {"socket": str(socket_path), "location_name": LOCATION}
    path.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")
    return path
