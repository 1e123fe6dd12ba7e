"""The API as a real process: gunicorn with its workers, asked over HTTP."""

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine, select
from sqlalchemy.engine import URL

from alx_core.services.tokens import Import, import_tokens
from alx_core.store.engine import transaction
from alx_core.store.settings import save_settings_of
from alx_core.store.tables import request_log
from alx_pipeline.moodle.tokens import read_tokens_at
from support.databases import plain
from support.reporting_databases import migrated_engine
from support.stack import free_port, read_environ, wait_for

PATH = "/webservice/rest/server.php"
FUNCTION = "local_alx_report_api_get_course_progress"
TOKENS = {
    "acme": "04f2a9026c2a0159392e1a680b682fe8",
    "beta": "7759527830250b5dfa508049e75e415e",
    "gamma": "6ca11487eadd56f291a366cc067d6351",
    "delta": "9e62e4295800aca87b28ad58cd079cbe",
    "nocompany": "3dc80553a05b635f67ab1abd35f44cb4",
}
"""Tokens of the real site, by their company."""
COMPANY_IDS = {"acme": 1, "beta": 2, "gamma": 3, "delta": 4}
SSL = ssl.create_default_context()
"""Made once: each client would load all root certificates for itself, which takes longer than its request."""


def form(token: str, **parameters: object) -> dict[str, str]:
    """The form of a call as Power BI sends it; `None` leaves a parameter out."""
    call = {"wstoken": token, "wsfunction": FUNCTION, "moodlewsrestformat": "json", **parameters}
    return {name: str(value) for name, value in call.items() if value is not None}


@dataclass
class Api:
    """One API: its settings as environment, and gunicorn when it runs."""

    home: Path
    database: URL
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None
    configuration: str = "api_server.gunicorn_conf"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the processes print."""
        return self.home / "api.log"

    @contextmanager
    def running(self) -> Iterator["Api"]:
        """Serve until the end of the block."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def start(self) -> None:
        """Start gunicorn and wait until it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ALX_")}
        env = {
            **inherited,
            "ALX_HOME": str(self.home),
            "ALX_DATABASE_URL": plain(self.database),
            "ALX_API_BIND": f"127.0.0.1:{self.port}",
            **self.environment,
        }
        command = [sys.executable, "-m", "gunicorn", "-c", f"python:{self.configuration}", "api_server.wsgi:app"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=env, cwd=self.home, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(self._answers, timeout_s=30, describe="the API's start")

    def stop(self) -> None:
        """Stop as a service manager does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        self.process = None

    def workers(self) -> list[int]:
        """The pids of gunicorn's workers."""
        mark = f"ALX_HOME={self.home}\0".encode()
        every = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
        ours = [pid for pid in every if mark in read_environ(Path("/proc") / str(pid))]
        return [pid for pid in ours if self.process is not None and pid != self.process.pid]

    def client(self, **options: Any) -> httpx.Client:
        """A client with keep-alive connections."""
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False, verify=SSL, **options)

    def call(self, token: str, **parameters: object) -> httpx.Response:
        """One call on a connection of its own."""
        with self.client() as client:
            return client.post(PATH, data=form(token, **parameters))

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2, trust_env=False, verify=SSL).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def served(kind: str, folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[Engine, Api]]:
    """Serve a migrated, empty reporting database of a kind until the end of the block."""
    with migrated_engine(kind, folder) as engine, Api(folder / "api", engine.url, environment).running() as api:
        yield engine, api


def bring_tokens(moodle: URL, engine: Engine, *, now: int) -> Import:
    """Import the tokens of a Moodle, as `alx token import-moodle` does."""
    tokens = read_tokens_at(moodle, "mdl_")
    with transaction(engine) as connection:
        return import_tokens(connection, tokens, now=now)


def set_company(engine: Engine, companyid: int, **values: object) -> None:
    """Set a company's settings, as `alx company set` does; None takes one away."""
    texts = {name: None if value is None else str(value) for name, value in values.items()}
    with transaction(engine) as connection:
        save_settings_of(connection, companyid, texts, now=0)


def logged(engine: Engine, *, at_least: int = 0, companyid: int | None = None) -> list[dict[str, Any]]:
    """The request log (of one company), oldest first, once it has `at_least` rows.

    Lines reach the table a moment after the answer.
    """
    query = select(request_log).order_by(request_log.c.timeaccessed, request_log.c.id)
    if companyid is not None:
        query = query.where(request_log.c.companyid == companyid)

    def rows() -> list[dict[str, Any]]:
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    wait_for(lambda: len(rows()) >= at_least, timeout_s=20, describe=f"{at_least} requests in the log")
    return rows()
