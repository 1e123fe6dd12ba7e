"""One reader per kind of database: run the queries of a scan and stream frames, all of one moment.

The tables are read in the order in which the database keeps them, because reading 13 learner ranges one by one took
four times as long as one pass.

- PostgreSQL and SQLite: ADBC, one read-only transaction.
- MariaDB and MySQL: connectorx, which is fast but opens a connection per statement. So the numbers of all tables
  travel in one UNION ALL, whose single statement sees one snapshot; the texts (names, titles) follow by id, and with
  them whether the account was deleted, which changes them.
- MariaDB and MySQL with a connection option that connectorx does not know (a client's certificate): PyMySQL in one
  transaction, slower.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import connectorx
import polars as pl
import pyarrow as pa
from polars import selectors
from sqlalchemy import Dialect, Engine, Integer, and_, case, cast, func, literal, union_all
from sqlalchemy.engine import URL
from sqlalchemy.sql.elements import CompilerElement

from alx_core.domain.progress import SNAPSHOT_COLUMNS
from alx_core.services.sync.source import NO_TEXTS, TEXT_SUFFIX
from alx_core.store.arrow import ArrowDatabase
from alx_pipeline.moodle.frames import from_rows, typed
from alx_pipeline.moodle.inspection import Site
from alx_pipeline.moodle.limits import mysql_settings, postgresql_settings
from alx_pipeline.moodle.mysql import connectorx_url
from alx_pipeline.moodle.queries import AnySelect

Queries = Mapping[str, AnySelect]
Stream = Iterator[tuple[str, pl.DataFrame]]

BATCH_ROWS = 50_000
"""Rows of a batch from MariaDB: with 200,000 the sync takes 50 MB more, and no less time."""

# An index finds the learners of a few ranges, and their rows lie all over the table: multi-range read fetches them in
# the order in which they lie. Both servers think it dearer than it is.
MRR = "optimizer_switch = 'mrr=on,mrr_cost_based=off'"
MRR_BUFFER = 8 * 2**20
"""Bytes; MySQL's name for it is another, and its default does. What MySQL limits to 8 MB is the memory for finding an
index by many ids, which is enough for 36,000 of them: of more it would read the whole table."""

READ_AGAIN = frozenset({("user", "deleted")})
"""Numbers that come along with the texts. Source: core's `delete_user()` overwrites username and e-mail address."""

UNREADABLE = -1
"""Stands for a value that is not a number in a column of numbers (SQLite lets one in); the rules refuse it."""


class Reader(Protocol):
    """Reads one Moodle; raises whatever its driver raises."""

    def stream(self, queries: Queries) -> Stream:
        """Run one query per table and yield (table, batch); all rows show the same moment."""
        ...

    def close(self) -> None:
        """Close idle connections."""
        ...


def make_mysql_reader(url: URL, engine: Engine, site: Site) -> Reader:
    """Return the reader for the MariaDB or MySQL of `url`, which `engine` found to hold `site`."""
    memory = f"mrr_buffer_size = {MRR_BUFFER}" if site.is_mariadb else "range_optimizer_max_mem_size = 0"
    prepare = [f"SET SESSION {mysql_settings(is_mariadb=site.is_mariadb)}, {memory}, {MRR}"]
    fast = connectorx_url(url, is_encrypted=bool(site.is_encrypted))
    return ConnectorxReader(fast, engine.dialect, prepare=prepare) if fast else PymysqlReader(engine, prepare=prepare)


class ArrowReader:
    """PostgreSQL and SQLite through ADBC."""

    def __init__(self, url: URL, dialect: Dialect) -> None:
        """Keep a pool; nothing connects yet."""
        self._database = ArrowDatabase(url, settings=postgresql_settings())
        self._dialect = dialect
        self._is_sqlite = dialect.name == "sqlite"

    def connect_ahead(self) -> None:
        """Begin to connect, where that takes long."""
        self._database.connect_ahead()

    def stream(self, queries: Queries) -> Stream:
        """Run the queries in one read-only transaction."""
        with self._database.snapshot() as snapshot:
            for name, query in queries.items():
                checked = _checked(query, name) if self._is_sqlite else query
                for batch in snapshot.stream(_sql(checked, self._dialect)):
                    yield name, typed(name, batch)

    def close(self) -> None:
        """Close idle connections."""
        self._database.close()


class ConnectorxReader:
    """MariaDB and MySQL, several times as fast as a driver that makes an object per value."""

    def __init__(self, url: str, dialect: Dialect, *, prepare: Sequence[str]) -> None:
        """Take the URL in connectorx's form; nothing connects yet. Each connection begins with `prepare`."""
        self._url = url
        self._dialect = dialect
        self._prepare = ["SET SESSION TRANSACTION READ ONLY", *prepare]

    def stream(self, queries: Queries) -> Stream:
        """Read the numbers of all tables in one statement, then the texts of those that have any."""
        numbers = {name: _columns(query, name, texts=False) for name, query in queries.items()}
        for batch in self._batches(_tagged_union(numbers)):
            for name, frame in _apart(batch, numbers).items():
                yield name, _with_texts(name, frame)
        for name, query in queries.items():
            texts = _columns(query, name, texts=True)
            if len(texts.selected_columns) > 1:
                yield name + TEXT_SUFFIX, NO_TEXTS
                for batch in self._batches(texts):
                    yield name + TEXT_SUFFIX, batch.with_columns(selectors.numeric().cast(pl.Int64))

    def close(self) -> None:
        """Do nothing: connectorx closes each connection itself."""

    def _batches(self, query: CompilerElement) -> Iterator[pl.DataFrame]:
        batches = connectorx.read_sql(
            self._url,
            _sql(query, self._dialect),
            return_type="arrow_stream",
            batch_size=BATCH_ROWS,
            pre_execution_query=self._prepare,
        )
        while (batch := _next(batches)) is not None:
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)  # noqa: S101  # a record batch, never a single column
            yield frame


def _next(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
    """Return the next batch; None: there is none. A failure here is a panic, which is no Exception to Python."""
    try:
        return next(batches, None)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # its module can't be imported
            raise
        raise RuntimeError(str(error)) from error


class PymysqlReader:
    """MariaDB and MySQL through SQLAlchemy: every connection option works."""

    def __init__(self, engine: Engine, *, prepare: Sequence[str]) -> None:
        """Use the connections of `engine`; each begins with the statements `prepare`."""
        self._engine = engine
        self._prepare = prepare

    def stream(self, queries: Queries) -> Stream:
        """Run the queries in one read-only transaction with a consistent snapshot."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT", stream_results=True) as connection:
            for each in self._prepare:
                connection.exec_driver_sql(each)
            connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            for name, query in queries.items():
                with connection.execute(query) as result:
                    for rows in result.partitions(BATCH_ROWS):
                        yield name, from_rows(name, rows)
            connection.exec_driver_sql("ROLLBACK")

    def close(self) -> None:
        """Do nothing: the engine's owner closes it."""


def _sql(query: CompilerElement, dialect: Dialect) -> str:
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _columns(query: AnySelect, table: str, *, texts: bool) -> AnySelect:
    """The query with its number columns only, or with `id`, its text columns and what is read again with them."""
    wanted = {name for name, dtype in SNAPSHOT_COLUMNS[table].items() if (dtype == pl.String()) == texts}
    if texts and wanted:
        wanted |= {"id", *(name for of, name in READ_AGAIN if of == table)}
    return query.with_only_columns(*(column for column in query.selected_columns if column.name in wanted))


def _tagged_union(queries: Queries) -> CompilerElement:
    """All queries as one: column `t` says which one a row is of, `c0`, `c1` ... hold its numbers."""
    width = max(len(query.selected_columns) for query in queries.values())
    parts = []
    for tag, query in enumerate(queries.values()):
        columns = list(query.selected_columns)
        padded = [*columns, *([literal(0)] * (width - len(columns)))]
        labelled = [column.label(f"c{position}") for position, column in enumerate(padded)]
        parts.append(query.with_only_columns(literal(tag).label("t"), *labelled))
    return union_all(*parts)


def _apart(rows: pl.DataFrame, queries: Queries) -> dict[str, pl.DataFrame]:
    """Take the rows of a tagged union apart again; tables without rows in this batch are left out."""
    frames = {}
    present = set(rows["t"].unique())
    for tag, (name, query) in enumerate(queries.items()):
        if tag in present:
            names = {f"c{position}": column.name for position, column in enumerate(query.selected_columns)}
            frames[name] = rows.filter(pl.col("t") == tag).select(names.keys()).rename(names)
    return frames


def _with_texts(name: str, numbers: pl.DataFrame) -> pl.DataFrame:
    """Give numbers that came alone the table's text columns, null until the texts arrive."""
    texts = [
        pl.lit(None, pl.String()).alias(each) for each, dtype in SNAPSHOT_COLUMNS[name].items() if dtype == pl.String()
    ]
    return typed(name, numbers.with_columns(texts))


def _checked(query: AnySelect, table: str) -> AnySelect:
    schema = SNAPSHOT_COLUMNS[table]
    columns = []
    for column in query.selected_columns:
        if schema[column.name] == pl.String():
            columns.append(column)
            continue
        kind, whole = func.typeof(column), cast(column, Integer)
        is_whole = and_(kind == "real", column == whole)  # a table copied by way of floats: 1.0 is 1
        number = case((kind.in_(["integer", "null"]), column), (is_whole, whole), else_=literal(UNREADABLE))
        columns.append(number.label(column.name))
    return query.with_only_columns(*columns)
