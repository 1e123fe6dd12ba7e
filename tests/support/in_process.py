"""The API in this process, for tests that need thousands of requests: the real app without gunicorn."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from falcon import testing
from sqlalchemy import Engine

from alx_core.settings import Settings
from api_server.app import create_app
from api_server.database import Database
from api_server.entry import LogEntry
from api_server.journal import Journal
from api_server.middleware import RequestLog
from support.api import PATH, form
from support.databases import plain
from support.reads import FakeClock

URLENCODED = "application/x-www-form-urlencoded"


class ListedJournal(Journal):
    """A journal that keeps its records."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        super().__init__(folder, engine.url)
        self.records: list[dict[str, Any]] = []

    def write(self, entry: LogEntry) -> None:
        """Keep it."""
        self.records.append(msgspec.structs.asdict(entry))


@dataclass
class InProcess:
    """The app, its log, and its clock."""

    engine: Engine
    client: testing.TestClient
    journal: ListedJournal
    clock: FakeClock = field(default_factory=FakeClock)

    @property
    def last(self) -> dict[str, Any]:
        """What was logged last."""
        return self.journal.records[-1]

    def post(
        self, token: str, headers: Mapping[str, str] | None = None, peer: str = "127.0.0.1", **parameters: object
    ) -> testing.Result:
        """One call as Power BI makes it, from `peer`."""
        return self.client.simulate_post(
            PATH, body=urlencode(form(token, **parameters)), headers=headers, remote_addr=peer, content_type=URLENCODED
        )

    def rows(self, token: str, **parameters: object) -> list[dict[str, Any]]:
        """The rows of a call that is answered."""
        answer = self.post(token, **parameters).json
        assert isinstance(answer, list), answer
        return answer

    def outcome(self, token: str, **parameters: object) -> str:
        """`ok` for rows, else the error code."""
        answer = self.post(token, **parameters).json
        return "ok" if isinstance(answer, list) else str(answer["errorcode"])


@contextmanager
def in_process(engine: Engine, folder: Path, **environment: Any) -> Iterator[InProcess]:
    """Yield the app over a migrated database; `environment` are settings by their field's name."""
    settings = Settings(_env_file=None, home=folder, database_url=plain(engine.url), **environment)
    clock = FakeClock()
    database, journal = Database(engine.url), ListedJournal(folder / "journal", engine)
    request_log = RequestLog(journal, settings.trusted_proxies, clock)
    app = create_app(settings, database=database, request_log=request_log, journal=journal, clock=clock)
    try:
        yield InProcess(engine, testing.TestClient(app), journal, clock)
    finally:
        database.close()
        journal._engine.dispose()
