"""A digest of each learner range, worked out inside Moodle's database: has anything changed since the last sync?

One pass per table, in the order in which the rows lie, grouped by range; only a number per range travels. Everything
that the rules read goes in, because half of Moodle's changes leave no timestamp. Two different states of a range have
the same digest with a chance of one in four thousand million (CRC32, MariaDB) or less (64 bits, PostgreSQL).

SQLite has no hash function of its own, and reading it costs no more than hashing it would.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

import polars as pl
from sqlalchemy import BigInteger, ColumnElement, Engine, String, cast, func, select

from alx_core.domain.learners import Layout
from alx_core.domain.progress import LEARNER_TABLES, SNAPSHOT_COLUMNS
from alx_pipeline.moodle.queries import AnySelect, MoodleTables

RULES_VERSION = 1
"""To be raised when a rule changes: then every range is looked at anew once."""

Row = ColumnElement[object]


def can_digest(engine: Engine) -> bool:
    """Whether the database can hash a row fast."""
    return engine.dialect.name != "sqlite"


def range_digests(engine: Engine, tables: MoodleTables, layout: Layout, catalogue: str) -> dict[int, str]:
    """Return the digest of each range, by range index.

    `catalogue` is the digest of what all ranges depend on.
    """
    parts: dict[int, list[str]] = defaultdict(list)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL jit = off")  # compiling takes a third of the time, and saves none
        for name in LEARNER_TABLES:
            for index, rows, total in connection.execute(_grouped(engine, tables, name, layout)):
                parts[int(index)].append(f"{name}:{rows}:{total}")
    return {index: _sha256([str(RULES_VERSION), catalogue, *parts[index]]) for index in range(layout.count)}


def catalogue_digest(frames: Iterable[tuple[str, pl.DataFrame]]) -> str:
    """Return a digest of the catalogue's frames, whatever the order of their rows."""
    rows = [f"{name}:{frame.sort(frame.columns).write_csv()}" for name, frame in frames]
    return _sha256(sorted(rows))


def _grouped(engine: Engine, tables: MoodleTables, name: str, layout: Layout) -> AnySelect:
    """One table: range index, number of rows, sum of the rows' hashes. A sum does not mind the order of the rows."""
    rows = tables.select(name).subquery()
    columns = {column: rows.c[column] for column in SNAPSHOT_COLUMNS[name]}
    learner = columns["id" if name == "user" else "userid"]
    if engine.dialect.name == "postgresql":
        number = cast(learner, BigInteger).op("/")(layout.width)
    else:
        number = learner.op("DIV")(layout.width)
    index = func.least(number, layout.count - 1)
    hashed = HASHES[engine.dialect.name](columns, name)
    return select(index.label("range"), func.count(), cast(func.sum(hashed), String)).group_by(index)


def _crc32(columns: Mapping[str, Row], name: str) -> Row:
    """CRC32 of the values. Each text comes after its length, so that no two rows are written the same way."""
    parts: list[Row] = []
    for column, dtype in SNAPSHOT_COLUMNS[name].items():
        if dtype == pl.String():
            parts += [func.coalesce(func.length(columns[column]), "-"), func.coalesce(columns[column], "")]
        else:
            parts.append(func.coalesce(columns[column], "-"))
    return func.crc32(func.concat_ws("|", *parts))


def _hash64(columns: Mapping[str, Row], name: str) -> Row:
    """PostgreSQL's 64-bit hash, each value seeding the next; the first one is an id and a seed as it is."""
    (first, _), *others = SNAPSHOT_COLUMNS[name].items()
    hashed: Row = func.coalesce(cast(columns[first], BigInteger), -1)
    for column, dtype in others:
        if dtype == pl.String():
            hashed = func.hashtextextended(func.coalesce(columns[column], ""), hashed)
        else:
            hashed = func.hashint8extended(func.coalesce(cast(columns[column], BigInteger), -1), hashed)
    return hashed


HASHES = {"postgresql": _hash64, "mysql": _crc32, "mariadb": _crc32}


def _sha256(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
