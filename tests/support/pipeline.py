"""A Moodle and a reporting database with the sync between them, without Dagster."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL

from alx_core.domain.sync import Kind, SyncRequest, SyncResult
from alx_core.settings import Settings
from alx_core.store.engine import make_engine
from alx_pipeline.resources import Alx
from support.databases import plain
from support.reporting_databases import write_migrated
from support.site import AS_OF


@dataclass
class Pipeline:
    """`now` is both the clock and the instant at which enrolments are judged."""

    settings: Settings
    moodle: Engine
    reporting: Engine
    now: int = AS_OF
    runs: list[SyncResult] = field(default_factory=list)

    @classmethod
    def over(cls, moodle: URL, reporting: URL, *, home: Path) -> Self:
        """Make a pipeline over two databases; of SQLite's also a reporting database that is no file yet."""
        if reporting.get_backend_name() == "sqlite" and not (file := Path(str(reporting.database))).exists():
            write_migrated(file)
        settings = Settings(home=home, moodle_url=plain(moodle), database_url=plain(reporting), sync_lock_timeout_s=5)
        return cls(settings, create_engine(moodle), make_engine(settings.database))

    def sync(self, kind: Kind = Kind.HOURLY, **request: object) -> SyncResult:
        """Run one sync at `now`; an hourly one asks for the newest complete hour."""
        end = self.now - self.now % 3600
        window = (end - 3600, end) if kind is Kind.HOURLY else None
        alx = Alx(lambda: self.settings, clock=lambda: self.now)
        self.runs.append(alx.sync(SyncRequest(kind, as_of=self.now, window=window, **request)))
        return self.runs[-1]

    def rebuild(self) -> SyncResult:
        """Recompute everything."""
        return self.sync(Kind.REBUILD)

    def edit(self, *statements: str) -> None:
        """Change Moodle."""
        with self.moodle.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def close(self) -> None:
        """Close both databases."""
        self.moodle.dispose()
        self.reporting.dispose()


MakePipeline = Callable[[URL, URL], Pipeline]
"""The fixture `make_pipeline`: (Moodle's URL, reporting URL) -> Pipeline."""
