"""Moodle's database as the sync's source."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from urllib.parse import quote

import adbc_driver_manager
import polars as pl
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from alx_core.domain.course_rows import CourseRows
from alx_core.domain.learners import Layout, LearnerRange, layout_for
from alx_core.domain.progress import SNAPSHOT_COLUMNS, Snapshot
from alx_core.services.sync.source import Digests, merge_texts
from alx_core.settings import with_driver
from alx_core.store.engine import libpq_options, require_driver
from alx_pipeline.moodle.digests import ask_digests, can_digest, ranges_with
from alx_pipeline.moodle.failures import source_error
from alx_pipeline.moodle.inspection import inspect_site, require_usable
from alx_pipeline.moodle.limits import limit_postgresql
from alx_pipeline.moodle.mysql import make_mysql_engine
from alx_pipeline.moodle.queries import MoodleTables
from alx_pipeline.moodle.readers import ArrowReader, Queries, Reader, make_mysql_reader

FEW = 100
"""One learner in so many may have an id far beyond all others, after a restore or an import."""

# connectorx raises a bare RuntimeError for whatever the server says.
DRIVER_ERRORS = (SQLAlchemyError, sqlite3.Error, adbc_driver_manager.Error, RuntimeError)


def make_moodle_engine(url: URL) -> Engine:
    """Make an engine on Moodle's database for small queries. It does not connect yet and never writes.

    Raises SettingsError: no such driver, or an option in the URL is wrong.
    """
    url = with_driver(url)
    require_driver(url)
    if url.get_backend_name() == "sqlite":
        # No connection stays open: the reader's ADBC has a copy of SQLite of its own, and two copies in one process
        # break each other's file locks (sqlite.org/howtocorrupt.html, 2.2.1).
        file = URL.create("sqlite", database=f"file:{quote(str(url.database))}", query={"mode": "ro", "uri": "true"})
        return create_engine(file, poolclass=NullPool, hide_parameters=True)
    if url.get_backend_name() == "mysql":
        return make_mysql_engine(url)
    engine = create_engine(url, pool_pre_ping=True, connect_args=libpq_options(url), hide_parameters=True)
    event.listen(engine, "begin", limit_postgresql)
    return engine


class MoodleSource:
    """A Moodle that was found usable: its tables are there, readable and not empty."""

    def __init__(self, engine: Engine, tables: MoodleTables, reader: Reader, *, workers: int = 1) -> None:
        """Take the collaborators as they are; `open_source` makes them. Digests are asked for over `workers`."""
        self._workers = workers
        self._engine = engine
        self._tables = tables
        self._reader = reader

    def companies(self) -> pl.DataFrame:
        """Return the table `company`. Raises SourceError."""
        found = self._stream({"company": self._tables.select("company")})
        return merge_texts("company", list(found))

    def layout(self, rows_per_band: int) -> Layout:
        """Return a layout whose bands hold about `rows_per_band` completion rows each. Raises SourceError."""
        with self._guarding(), self._engine.connect() as connection:
            return layout_for(
                last_id=self._last_id(connection),
                rows=_approximate_rows(connection, self._tables, "course_modules_completion"),
                rows_per_band=rows_per_band,
            )

    def _last_id(self, connection: Connection) -> int:
        """The highest id that ranges are to reach: where a few ids lie far beyond, the others would share one range."""
        few = _approximate_rows(connection, self._tables, "user") // FEW
        found = (connection.scalar(self._tables.last_learner(after=after)) for after in (0, few))
        last, before_few = (int(each or 0) for each in found)  # some sites keep ids as decimals
        return min(last, 2 * before_few) if before_few else last

    def scan(
        self, learners: Sequence[LearnerRange], courses: CourseRows | None = None
    ) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield everything that the rules need about `learners`, or about them in `courses`. Raises SourceError."""
        return self._stream(self._tables.scan_queries(learners, courses))

    @property
    def has_digests(self) -> bool:
        """Whether the database can work digests out: not SQLite."""
        return can_digest(self._engine)

    def digests(self, layout: Layout, courses: CourseRows | None = None) -> Digests:
        """Return the digest of each range, or none. Raises SourceError."""
        with self._guarding():
            return ask_digests(self._engine, self._tables, layout, courses, workers=self._workers)

    def catalogue(self) -> Snapshot:
        """Return the tables that are the same for all learners, the others empty. Raises SourceError."""
        found = list(self.scan([]))
        return {name: merge_texts(name, found) for name in SNAPSHOT_COLUMNS}

    def ranges_with(self, table: str, column: str, ids: Collection[int], layout: Layout) -> set[int]:
        """Return the ranges of learners with a row in `table` with one of `ids` in `column`. Raises SourceError."""
        with self._guarding():
            return ranges_with(self._engine, self._tables, layout, table, column, ids)

    def facts(self, table: str) -> tuple[int, int | None]:
        """Return a table's exact row count and its newest change (epoch seconds). Raises SourceError."""
        with self._guarding(), self._engine.connect() as connection:
            rows, newest = connection.execute(self._tables.facts(table)).one()
        return rows, newest

    def close(self) -> None:
        """Close all connections."""
        self._reader.close()
        self._engine.dispose()

    def _stream(self, queries: Queries) -> Iterator[tuple[str, pl.DataFrame]]:
        with self._guarding():
            yield from self._reader.stream(queries)

    @contextmanager
    def _guarding(self) -> Iterator[None]:
        try:
            yield
        except DRIVER_ERRORS as error:
            raise source_error(error, self._engine.url) from error


def open_source(url: URL, prefix: str, *, workers: int = 1) -> MoodleSource:
    """Connect to Moodle and make sure it can be synced, over up to `workers` connections at a time.

    Raises SettingsError, SourceUnreachable, SourceAccessDenied, SourceSchemaError or SourceEmpty, each saying what to
    do.
    """
    url = with_driver(url)
    engine = make_moodle_engine(url)
    reader: Reader | None = None
    with ExitStack() as opened:
        opened.callback(engine.dispose)
        if url.get_backend_name() != "mysql":
            reader = ArrowReader(url, engine.dialect)
            opened.callback(reader.close)
            reader.connect_ahead()
        site = inspect_site(engine, prefix)
        require_usable(site)
        opened.pop_all()
    reader = reader or make_mysql_reader(url, engine, site)
    return MoodleSource(engine, MoodleTables(prefix, has_modules=site.has_modules), reader, workers=workers)


def _approximate_rows(connection: Connection, tables: MoodleTables, name: str) -> int:
    """The table's row count as the database's statistics know it: an exact one would read all of a large table."""
    table = tables.prefix + name
    match connection.dialect.name:
        case "postgresql":
            query = "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(:name)"
        case "mysql" | "mariadb":
            query = (
                "SELECT table_rows FROM information_schema.tables"
                " WHERE table_schema = DATABASE() AND table_name = :name"
            )
        case _:
            query = ""
    rows = connection.scalar(text(query), {"name": table}) if query else None
    if rows is None or rows <= 0:  # unknown, or from before the table was filled
        rows = connection.scalar(tables.count(name))
    return int(rows or 0)
