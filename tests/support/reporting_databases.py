"""Reporting databases of each kind: empty, or migrated once and copied, because a migration outlasts most tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import URL

from alx_core.store.engine import connect, make_engine, open_engine
from alx_core.store.schema import migrate
from support.databases import scratch_database, templates
from support.stack import wait_for

KINDS_OF_DATABASE = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
"""On the server each test waits for a database of its own, longer than it runs; the fast part does without."""


@contextmanager
def reporting_database(kind: str, folder: Path, *, is_migrated: bool = False) -> Iterator[URL]:
    """Yield the URL of a reporting database of its own: a file in `folder`, or a database on the server of `kind`."""
    if kind != "sqlite":
        with scratch_database(kind, template=_template(kind) if is_migrated else None) as url:
            yield url
        return
    path = folder / f"{uuid4().hex}.sqlite"
    if is_migrated:
        write_migrated(path)
    yield URL.create("sqlite", database=str(path))


@contextmanager
def migrated_engine(kind: str, folder: Path) -> Iterator[Engine]:
    """Yield an engine on a migrated database without a row."""
    with reporting_database(kind, folder, is_migrated=True) as url:
        engine = make_engine(url)
        try:
            yield engine
        finally:
            engine.dispose()


def wait_for_a_lock(url: URL) -> None:
    """Wait until somebody waits for a lock of a database on PostgreSQL."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    def somebody_waits() -> bool:
        with open_engine(url) as observer, connect(observer) as connection:
            return bool(connection.scalar(text(waiting)))

    wait_for(somebody_waits, timeout_s=30, describe="the wait for a lock")


def write_migrated(path: Path) -> None:
    """Write a migrated SQLite database without a row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_migrated_file())


@cache
def _template(kind: str) -> str:
    url = templates.enter_context(scratch_database(kind))
    with open_engine(url) as engine:
        migrate(engine)
    return str(url.database)


@cache
def _migrated_file() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "alx.sqlite"
        with open_engine(URL.create("sqlite", database=str(path))) as engine:
            migrate(engine)
        return path.read_bytes()
