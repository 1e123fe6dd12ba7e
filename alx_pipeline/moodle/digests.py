"""The digest of each learner range, worked out inside Moodle's database: has anything changed since the last sync?

One pass per table, in the order in which the rows lie, grouped by range; only a number per range travels. Everything
that the rules read goes in, because half of Moodle's changes leave no timestamp. The formula is that of
`alx_core.domain.digests`, where the sync works out the same over rows that it read.

SQLite has no hash function for texts, and reading it costs no more than hashing it would.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import polars as pl
from sqlalchemy import BigInteger, ColumnElement, Engine, FromClause, Numeric, String, cast, func, literal, null, select
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import Grouping

from alx_core.domain.course_rows import CourseRows
from alx_core.domain.digests import (
    NULL,
    TEXT_HEX,
    TOTAL_MODULUS,
    hashed_values,
    may_be_null,
    row_hash,
)
from alx_core.domain.learners import Layout
from alx_core.domain.progress import LEARNER_TABLES
from alx_core.domain.range_facts import NO_RANGES, side_by_side
from alx_core.services.sync.source import Digests
from alx_pipeline.moodle.queries import AnySelect, Ids, MoodleTables

OUT_OF_RANGE = ("22003", 1690)
"""PostgreSQL's and MariaDB's codes for a number beyond 63 bits."""
UNKNOWN_COLUMN = ("42S22", 1054)
"""MariaDB's codes, of new drivers and old ones, for a column that is not there."""

Value = ColumnElement[Any]
GROUPS = {"number": pl.Int64(), "is_of_courses": pl.Boolean(), "rows": pl.Int64(), "total": pl.Int64()}
"""Of a table's rows in one range: its number, whether they are about the courses asked for, how many they are, and the
sum of their hashes modulo TOTAL_MODULUS."""


def can_digest(engine: Engine) -> bool:
    """Whether the database can hash a row fast."""
    return engine.dialect.name in TEXT_NUMBERS


def ask_digests(
    engine: Engine, tables: MoodleTables, layout: Layout, courses: CourseRows | None = None, *, workers: int = 1
) -> Digests:
    """Return the digest of each range, and that of the rows about `courses` alone.

    Nothing is returned when some number is too large for the formula: it is no good record, so no range is skipped.

    MariaDB and MySQL work on one core a connection, so they are asked over `workers` of them, a slice of each table's
    rows at a time. Each slice shows a moment of its own: a range whose digest is the one that was noted had the noted
    rows in each slice, at one moment or another since the call began. PostgreSQL sets its own workers on a statement.
    """
    slices = [(name, ids) for name in LEARNER_TABLES for ids in _slices(engine, tables, name, workers)]
    try:
        with ThreadPoolExecutor(workers, "digests") as executor:
            groups = pl.concat(executor.map(lambda each: _groups(engine, tables, each, layout, courses), slices))
    except DBAPIError as error:
        if _code(error) in OUT_OF_RANGE:
            return Digests(NO_RANGES, NO_RANGES)
        raise
    of_courses = _summed(groups.filter("is_of_courses"), layout) if courses else NO_RANGES
    return Digests(_summed(groups, layout), of_courses)


def ranges_with(
    engine: Engine, tables: MoodleTables, layout: Layout, table: str, column: str, ids: Collection[int]
) -> set[int]:
    """Return the indexes of the ranges whose learners have a row in `table` with one of `ids` in `column`."""
    if not ids:
        return set()
    rows = tables.table(table).c
    number = _range_number(engine.dialect.name, rows.userid, layout.width)
    query = select(number).where(rows[column].in_(ids)).distinct()
    with engine.connect() as connection:
        return {layout.index_at(None if each is None else int(each)) for each in connection.scalars(query)}


def _slices(engine: Engine, tables: MoodleTables, name: str, workers: int) -> list[Ids]:
    """Cut a table into one slice of ids for each worker; the outer ones are open, for rows that come meanwhile."""
    if workers == 1 or engine.dialect.name == "postgresql":
        return [Ids(None, None)]
    with engine.connect() as connection:
        try:
            first, last = connection.execute(tables.first_and_last_id(name)).one()
        except DBAPIError as error:
            if _code(error) not in UNKNOWN_COLUMN:
                raise
            first = last = None  # a copy of Moodle with no more columns than the rules read
    if first is None:
        return [Ids(None, None)]
    first, last = int(first), int(last)
    inner = sorted({first + (last - first) * number // workers for number in range(1, workers)})
    return [Ids(after, until) for after, until in pairwise([None, *inner, None])]


def _groups(
    engine: Engine, tables: MoodleTables, slice_: tuple[str, Ids], layout: Layout, courses: CourseRows | None
) -> pl.DataFrame:
    """The groups of a slice of a table, with the index of their range and the table's name."""
    name, ids = slice_
    query = _grouped(engine.dialect.name, tables, name, ids, layout.width, courses)
    with engine.connect() as connection:
        rows = [(number, bool(of), rows, total) for number, of, rows, total in connection.execute(query)]
    index = layout.indexes_at(pl.col("number")).alias("index")
    return pl.DataFrame(rows, GROUPS, orient="row").with_columns(index, pl.lit(name).alias("table"))


def _grouped(
    dialect: str, tables: MoodleTables, name: str, ids: Ids, width: int, courses: CourseRows | None
) -> AnySelect:
    """Rows of one table: learner id divided by `width`, whether of `courses`, number of rows, sum of their hashes."""
    rows = tables.select(name, ids=ids).subquery()

    def number(column: str) -> Value:
        # PostgreSQL would multiply small integers as such.
        value: Value = cast(rows.c[column], BigInteger) if dialect == "postgresql" else rows.c[column]
        return func.coalesce(value, NULL) if may_be_null(name, column) else value

    def texts(columns: Sequence[str]) -> Value:
        return TEXT_NUMBERS[dialect]([rows.c[column] for column in columns])

    learner = "id" if name == "user" else "userid"
    group: list[Value] = [_range_number(dialect, number(learner), width).label("number")]
    source, is_of_courses = (rows, null()) if courses is None else _of_courses(tables, courses, name, rows)
    if courses is not None:
        group.append(is_of_courses)
    hashed = row_hash(hashed_values(name, number, texts), _xor)
    total = cast(func.mod(func.sum(hashed), literal(TOTAL_MODULUS, Numeric)), BigInteger)
    query = select(group[0], is_of_courses, func.count(), total)
    return query.select_from(source).group_by(*group)


def _of_courses(tables: MoodleTables, courses: CourseRows, name: str, rows: FromClause) -> tuple[FromClause, Value]:
    """Return `rows` of a table with what it takes to tell which are of `courses`, and the condition that one is."""
    found = courses.ids_in(name)
    if found is not None:
        column, ids = found
        return rows, rows.c[column].in_(ids).label("is_of_courses")
    # Not IN (SELECT ...): PostgreSQL would go through the list for each row where it takes it to be long.
    enrolled = tables.enrolled(courses).subquery()
    learner = rows.c.id if name == "user" else rows.c.userid
    is_enrolled = enrolled.c.userid.is_not(None).label("is_of_courses")
    return rows.outerjoin(enrolled, learner == enrolled.c.userid), is_enrolled


def _summed(groups: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Put the groups of each range together."""
    summed = groups.group_by("table", "index").agg(pl.col("rows", "total").sum())
    return side_by_side({name: summed.filter(table=name) for name in LEARNER_TABLES}, range(layout.count))


def _range_number(dialect: str, learner: Value, width: int) -> Value:
    return learner.op("/" if dialect == "postgresql" else "DIV")(width)


def _xor(one: Value, other: Value) -> Value:
    # In MariaDB xor binds tighter than multiplication, in PostgreSQL the other way round.
    return Grouping(Grouping(one).bitwise_xor(Grouping(other)))


def _joined(columns: Sequence[Value]) -> Value:
    parts = [
        part
        for column in columns
        for part in (func.coalesce(cast(func.char_length(column), String), "-"), func.coalesce(column, ""))
    ]
    return func.concat_ws("|", *parts)


def _postgresql_text(columns: Sequence[Value]) -> Value:
    digits = func.left(func.encode(func.sha256(func.convert_to(_joined(columns), "UTF8")), "hex"), TEXT_HEX)
    return cast(cast(literal("x") + digits, postgresql.BIT(4 * TEXT_HEX)), BigInteger)


def _mysql_text(columns: Sequence[Value]) -> Value:
    written = cast(_joined(columns), mysql.CHAR(charset="utf8mb4"))
    return cast(func.conv(func.left(func.sha2(written, 256), TEXT_HEX), 16, 10), BigInteger)


TEXT_NUMBERS: dict[str, Callable[[Sequence[Value]], Value]] = {
    "postgresql": _postgresql_text,
    "mysql": _mysql_text,
    "mariadb": _mysql_text,
}


def _code(error: DBAPIError) -> object:
    """The database's own code of an error: PostgreSQL's SQLSTATE, MariaDB's and MySQL's number."""
    return getattr(error.orig, "sqlstate", None) or next(iter(getattr(error.orig, "args", ())), None)
