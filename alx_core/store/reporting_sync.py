"""What a sync reads from and writes to the reporting table. Needs polars; the API never imports it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from sqlite3 import Connection as SqliteConnection
from typing import Any

import polars as pl
import psycopg
from adbc_driver_manager import OperationalError
from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, LargeBinary, Row, Select, cast, func, select, text
from sqlalchemy.exc import DBAPIError

from alx_core.domain.changes import Op
from alx_core.domain.learners import LearnerRange
from alx_core.domain.progress import CONTENT, KEY
from alx_core.faults import first_line
from alx_core.logs import get_logger
from alx_core.store.arrow import ArrowDatabase
from alx_core.store.copy import copy_rows
from alx_core.store.engine import connect, driver_of, is_postgresql, transaction, unreachable
from alx_core.store.learner_ranges import is_in, is_within
from alx_core.store.tables import reporting, reporting_history

log = get_logger()

STORED_SCHEMA: dict[str, pl.DataType] = {**dict.fromkeys(KEY, pl.Int64()), **CONTENT, "is_deleted": pl.Int64()}
COLUMNS = [column.name for column in reporting.columns]
STAGING = "alx_sync_staging"
SQLITE_BATCH = 20_000
SEARCHED = {
    reporting: (*KEY, "is_deleted", "change_seq", "last_updated"),
    reporting_history: (*KEY, "change_seq", "superseded_seq"),
}
"""The columns that statements look for: a look at all takes twice as long, and helps nobody."""
STATISTICS_SHARE = 0.1
"""Share of the table that has to change for its statistics to be out of date: what PostgreSQL's own daemon goes by."""
IS_OUT_OF_DATE = text(
    "SELECT coalesce(last_analyze, last_autoanalyze) IS NULL OR :changed > reltuples * :share"
    " FROM pg_stat_all_tables JOIN pg_class ON pg_class.oid = relid WHERE relid = CAST(:name AS regclass)"
)
"""The server's count of changes is of no use: it hears of those that were just written after it looked."""


class StoredRows:
    """Reads what the reporting table holds for learner ranges, as frames. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        """Read from the database of `engine`; PostgreSQL is read as Arrow.

        SQLite is not: ADBC brings a copy of SQLite of its own, and two copies in one process break each other's file
        locks (sqlite.org/howtocorrupt.html, 2.2.1).
        """
        self._engine = engine
        self._arrow = ArrowDatabase(engine.url) if engine.dialect.name == "postgresql" else None

    def read(
        self,
        learners: Sequence[LearnerRange],
        companyids: Collection[int],
        courseids: Collection[int] | None = None,
    ) -> pl.DataFrame:
        """Return the rows of `learners` in `companyids`, tombstones included, with the columns of STORED_SCHEMA.

        With `courseids`, only those in these courses. The ranges ascend and lie apart. Raises StoreUnreachable.
        """
        if not companyids or not learners:
            return pl.DataFrame(schema=STORED_SCHEMA)
        query = stored_rows(learners, companyids, self._engine.dialect.name)
        if courseids is not None:
            query = query.where(reporting.c.courseid.in_(courseids))
        if self._arrow is None:
            with connect(self._engine) as connection:
                arrays = connection.execute(_as_arrays(query)).fetchall()
            return _from_arrays(arrays)
        sql = str(query.compile(self._engine, compile_kwargs={"literal_binds": True}))
        try:
            with self._arrow.snapshot() as snapshot:
                batches = list(snapshot.stream(sql))
        except OperationalError as error:
            raise unreachable(self._engine.url, error) from error
        stored = pl.concat(batches) if batches else pl.DataFrame(schema=STORED_SCHEMA)
        return stored.select(pl.col(name).cast(dtype) for name, dtype in STORED_SCHEMA.items())

    def connect_ahead(self) -> None:
        """Begin to connect, for somebody is about to read."""
        if self._arrow is not None:
            self._arrow.connect_ahead()

    def close(self) -> None:
        """Close the connections of its own."""
        if self._arrow is not None:
            self._arrow.close()


MOST_PROBES = {"postgresql": 16_384, "sqlite": 0}
"""Ranges times companies up to which the key is asked for each range in each company: 88 ms for 6,800, 450 ms for
20,400, where a list of the ranges takes 250, whatever their number. SQLite would look at each row of a company."""


def stored_rows(
    learners: Sequence[LearnerRange], companyids: Collection[int], dialect: str
) -> Select[*tuple[Any, ...]]:
    """Return the query of StoredRows, as a database of this dialect answers it fast."""
    # Naming the companies, and the first and last learner, lets the key (companyid, userid, courseid) serve it.
    percentage_x100 = cast(func.round(reporting.c.percentage * 100), BigInteger)
    columns: dict[str, ColumnElement[Any]] = {**dict(reporting.c.items()), "percentage_x100": percentage_x100}
    return select(*(columns[name].label(name) for name in STORED_SCHEMA)).where(
        reporting.c.companyid.in_(sorted(companyids)),
        is_within(reporting.c.userid, learners),
        is_in(reporting.c.userid, learners, most_lookups=MOST_PROBES[dialect] // len(companyids)),
    )


def _as_arrays(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """The rows as JSON arrays, one per column and company; those of a company have the same order in all columns.

    They come as bytes: where one text is not UTF-8, the driver's error would show others of its array.

    Row by row, the driver would take Python's lock for each, and make an object of each value: two readers side by side
    took four times as long.
    """
    rows = query.subquery()
    arrays = (cast(func.json_group_array(column), LargeBinary) for column in rows.c)
    return select(*arrays).group_by(rows.c.companyid)


def _from_arrays(arrays: Sequence[Row[*tuple[Any, ...]]]) -> pl.DataFrame:
    valid = [[array.decode("utf-8", "replace") for array in row] for row in arrays]
    texts = pl.DataFrame(valid, schema=dict.fromkeys(STORED_SCHEMA, pl.String()), orient="row")
    decoded = (pl.col(name).str.json_decode(pl.List(dtype)) for name, dtype in STORED_SCHEMA.items())
    return texts.select(decoded).explode(*STORED_SCHEMA)


def refresh_statistics(engine: Engine, *, changed: int) -> None:
    """Let PostgreSQL look at the table and its history, where a sync `changed` many rows, or it never looked.

    A page may cost ten times as much without. The server's own daemon looks within minutes, where it is on and idle. A
    look takes a sample: a fifth of a second each, however large the table. It does not wait for who vacuums the table.
    What was written stands without it, so an error is only logged. Raises StoreUnreachable.
    """
    if engine.dialect.name != "postgresql":
        return
    values = {"name": reporting.name, "changed": changed, "share": STATISTICS_SHARE}
    try:
        with transaction(engine) as connection:
            if connection.execute(IS_OUT_OF_DATE, values).scalar_one():
                tables = (f"{table.name} ({', '.join(columns)})" for table, columns in SEARCHED.items())
                connection.exec_driver_sql(f"ANALYZE (SKIP_LOCKED) {', '.join(tables)}")
    except DBAPIError as error:
        log.warning("statistics_not_refreshed", error=first_line(error))


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows of a company were created (revived tombstones included), updated and deleted."""

    created: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def rows(self) -> int:
        """How many were written at all."""
        return self.created + self.updated + self.deleted


def write_changes(
    connection: Connection, changes: Iterable[pl.DataFrame], *, run_id: int, now: int
) -> dict[int, Written]:
    """Write changes (frames of `domain.changes`) in the caller's transaction; return the counts by companyid."""
    counts: Counter[tuple[int, int]] = Counter()
    with _writer(connection) as write:
        for frame in changes:
            counts.update({(companyid, op): rows for companyid, op, rows in _count(frame)})
            rows = _as_stored(frame, run_id=run_id, now=now)
            write(rows.filter(pl.col("op") == Op.INSERT), rows.filter(pl.col("op") != Op.INSERT))
    return {
        companyid: Written(
            created=counts[companyid, Op.INSERT] + counts[companyid, Op.REVIVE],
            updated=counts[companyid, Op.UPDATE],
            deleted=counts[companyid, Op.DELETE],
        )
        for companyid in {companyid for companyid, _ in counts}
    }


def _count(changes: pl.DataFrame) -> Iterator[tuple[int, int, int]]:
    return changes.group_by("companyid", "op").len().iter_rows()


def _as_stored(changes: pl.DataFrame, *, run_id: int, now: int) -> pl.DataFrame:
    """Give the changes the columns of the table, `op` last. `created_at` is kept for rows that stand there already."""
    return changes.with_columns(
        (pl.col("percentage_x100") / 100)
        .round(2)
        .alias("percentage"),  # polars divides 1429 / 100 to 14.290000000000001
        (pl.col("op") == Op.DELETE).cast(pl.Int8).alias("is_deleted"),
        pl.lit(run_id).alias("change_seq"),
        *(pl.lit(now).alias(name) for name in ("last_updated", "created_at", "updated_at")),
    ).select(*COLUMNS, "op")


@contextmanager
def _writer(connection: Connection) -> Iterator[Any]:
    """Yield a function (inserts, updates) -> None for the connection's database."""
    with driver_of(connection) as driver:
        if is_postgresql(connection):
            with driver.cursor() as cursor:
                yield lambda inserts, updates: _write_postgresql(cursor, inserts, updates)
        else:
            yield lambda inserts, updates: _write_sqlite(driver, inserts, updates)


OLD_COLUMNS = ", ".join(f"old.{name}" for name in COLUMNS)
HISTORY_COLUMNS = ", ".join((*COLUMNS, "superseded_seq", "superseded_at"))
KEEP_FIRST = "ON CONFLICT DO NOTHING"
"""Should a run write a row twice, readers need the version from before the run."""
SET_COLUMNS = [name for name in COLUMNS if name not in (*KEY, "created_at")]


def _write_postgresql(cursor: "psycopg.Cursor[Any]", inserts: pl.DataFrame, updates: pl.DataFrame) -> None:
    """New rows are copied straight into the table; the others into a staging table that one UPDATE reads.

    ON CONFLICT over unchanged rows was measured at 8 s a million; the sync knows which keys stand there already.
    """
    if not inserts.is_empty():
        copy_rows(cursor, reporting.name, inserts.drop("op"))
    if not updates.is_empty():
        cursor.execute(f"CREATE TEMP TABLE {STAGING} (LIKE {reporting.name}) ON COMMIT DROP")  # constants
        copy_rows(cursor, STAGING, updates.drop("op"))
        assignments = ", ".join(f"{name} = new.{name}" for name in SET_COLUMNS)
        keys = " AND ".join(f"old.{name} = new.{name}" for name in KEY)
        cursor.execute(
            f"INSERT INTO {reporting_history.name} ({HISTORY_COLUMNS})"  # noqa: S608  # constants
            f" SELECT {OLD_COLUMNS}, new.change_seq, new.updated_at"
            f" FROM {reporting.name} AS old JOIN {STAGING} AS new ON {keys} WHERE old.is_deleted <> 1 {KEEP_FIRST}"
        )
        cursor.execute(f"UPDATE {reporting.name} AS old SET {assignments} FROM {STAGING} AS new WHERE {keys}")  # noqa: S608  # constants
        cursor.execute(f"DROP TABLE {STAGING}")


def _write_sqlite(connection: SqliteConnection, inserts: pl.DataFrame, updates: pl.DataFrame) -> None:
    """Key order matters: a million rows in key order take 2-3 s, in random order 5-11 s."""
    names = ", ".join(COLUMNS)
    marks = ", ".join("?" * len(COLUMNS))
    for batch in inserts.drop("op").iter_slices(SQLITE_BATCH):
        connection.executemany(f"INSERT INTO {reporting.name} ({names}) VALUES ({marks})", batch.rows())  # noqa: S608  # constants
    assignments = ", ".join(f"{name} = ?" for name in SET_COLUMNS)
    keys = " AND ".join(f"{name} = ?" for name in KEY)
    for batch in updates.select("change_seq", "updated_at", *KEY).iter_slices(SQLITE_BATCH):
        connection.executemany(
            f"INSERT INTO {reporting_history.name} ({HISTORY_COLUMNS})"  # noqa: S608  # constants
            f" SELECT {OLD_COLUMNS}, ?, ? FROM {reporting.name} AS old WHERE {keys} AND is_deleted <> 1 {KEEP_FIRST}",
            batch.rows(),
        )
    for batch in updates.select(*SET_COLUMNS, *KEY).iter_slices(SQLITE_BATCH):
        connection.executemany(f"UPDATE {reporting.name} SET {assignments} WHERE {keys}", batch.rows())  # noqa: S608  # constants
