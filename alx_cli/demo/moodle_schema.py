"""Moodle's and IOMAD's tables as a production database has them, to build a true copy of a site.

`moodle_schema.json` was read from an IOMAD site (Moodle 4.1, MariaDB 10.11): types, nullability, defaults, and the
indexes that are there and those that are missing. What the tables hold is not told here: `load_site` fills them from
a folder of CSV files, `alx_cli.demo.generator` with made-up people. Called by the demo, the tests and the benchmarks;
the sync never looks at it.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

JSON_PREFIX = "mdl_"
"""The prefix that the index names of the JSON file begin with."""

BATCH_ROWS = 5_000
"""Rows in one executemany: more is no faster, and a batch of long texts stays below MariaDB's max_allowed_packet."""

LONGEST_FIELD = 2**31 - 1
"""Characters in one CSV field. A course summary with pictures in it passes the csv module's own limit of 131,072."""

NULL = r"\N"
"""How a CSV file writes NULL. An empty field is an empty text."""

MYSQL = ("mysql", "mariadb")
MYSQL_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in MYSQL
    for option, value in {
        "engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_unicode_ci", "row_format": "DYNAMIC",
    }.items()
}  # fmt: skip
"""How Moodle creates its tables: `mysql_sql_generator::getCreateTableSQL()` in lib/ddl."""


def moodle_metadata(prefix: str = JSON_PREFIX) -> MetaData:
    """Describe every table of `moodle_schema.json`, named `prefix` + its name, with the JSON's indexes and no other.

    MariaDB and MySQL get the very types of the JSON; PostgreSQL those that Moodle gives it
    (`postgres_sql_generator::getTypeSQL()` in Moodle's lib/ddl); SQLite, which Moodle does not support, plain ones.
    """
    metadata = MetaData()
    for name, description in _description().items():
        columns = [_column(column) for column in description["columns"]]
        table: Table[Any] = Table(prefix + name, metadata, *columns, **MYSQL_OPTIONS)
        for index in description["indexes"]:
            if index["name"] != "PRIMARY":
                index_name = prefix + index["name"].removeprefix(JSON_PREFIX)
                Index(index_name, *(table.c[column] for column in index["columns"]), unique=index["unique"])
    return metadata


def create_moodle(engine: Engine, prefix: str = JSON_PREFIX) -> MetaData:
    """Create all tables, empty, and return their description."""
    metadata = moodle_metadata(prefix)
    metadata.create_all(engine)
    return metadata


def load_site(engine: Engine, folder: Path, prefix: str = JSON_PREFIX) -> None:
    """Create the tables and load `<table>.csv` of `folder` into each, text byte for byte; all or nothing.

    The files are RFC 4180 with a header, UTF-8, NULL written as in `NULL`. A table without a file stays empty, a
    column that a file leaves out takes its default. Raises ValueError for a file that names an unknown column or
    breaks the format, naming file and line.
    """
    metadata = create_moodle(engine, prefix)
    with engine.begin() as connection:
        for name in _description():
            path = folder / f"{name}.csv"
            if path.is_file():
                table = metadata.tables[prefix + name]
                columns, rows = _read_csv(path, table)
                insert_rows(connection, table, columns, rows)


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Insert `rows`, each with the values of `columns` in that order, and move PostgreSQL's id sequence past them."""
    statement = insert(table)
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH_ROWS)):
        connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in batch])
    if connection.dialect.name == "postgresql":
        _advance_sequence(connection, table)


def _advance_sequence(connection: Connection, table: Table) -> None:
    """Let the next id be above the loaded ones: inserting an explicit id does not move PostgreSQL's sequence."""
    quoted = connection.dialect.identifier_preparer.format_table(table)
    largest = select(func.max(table.c.id)).scalar_subquery()
    connection.execute(select(func.setval(func.pg_get_serial_sequence(quoted, "id"), largest)))


@cache
def _description() -> Mapping[str, Any]:
    """The JSON: {table: {"columns": [{name, type, nullable, default}], "indexes": [{name, unique, columns}]}}."""
    source = resources.files("alx_cli.demo").joinpath("moodle_schema.json")
    description: Mapping[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return description


def _column(column: Mapping[str, Any]) -> Column[Any]:
    type_ = _type(column["type"])
    if column["name"] == "id":
        return Column("id", type_, primary_key=True, autoincrement=True)
    return Column(column["name"], type_, nullable=column["nullable"], server_default=_default(column))


def _default(column: Mapping[str, Any]) -> Any:
    """The column's DEFAULT: a number bare, a text quoted by SQLAlchemy, None for none."""
    default = column["default"]
    is_number = default is not None and not column["type"].startswith("varchar")
    return text(default) if is_number else default


def _type(name: str) -> TypeEngine[Any]:
    """Return the type of a MariaDB type's name such as `bigint(10)`, with its variants for the other databases."""
    match = re.fullmatch(r"(\w+)(?:\((\d+)(?:,(\d+))?\))?", name)
    if match is None:
        raise ValueError(f"unknown type {name}")
    kind, size, scale = match[1], int(match[2] or 0), int(match[3] or 0)
    return _TYPES[kind](size, scale)


def _integer(postgresql: type[TypeEngine[int]], of_mysql: Callable[..., TypeEngine[int]]) -> Callable[..., Any]:
    def make(size: int, _scale: int) -> TypeEngine[int]:
        # SQLite makes only a column of the very type INTEGER its 64-bit rowid, which Moodle's ids need.
        return postgresql().with_variant(of_mysql(display_width=size), *MYSQL).with_variant(Integer(), "sqlite")

    return make


def _varchar(size: int, _scale: int) -> TypeEngine[str]:
    return String(size).with_variant(Text(), "sqlite")


def _longtext(_size: int, _scale: int) -> TypeEngine[str]:
    return Text().with_variant(mysql.LONGTEXT(), *MYSQL)


def _decimal(size: int, scale: int) -> TypeEngine[Any]:
    exact: TypeEngine[Any] = Numeric(size, scale)
    # SQLite has no decimals; its NUMERIC affinity stores a float, and SQLAlchemy warns when asked for a Decimal.
    return exact.with_variant(mysql.DECIMAL(size, scale), *MYSQL).with_variant(
        Numeric(size, scale, asdecimal=False), "sqlite"
    )


_TYPES: dict[str, Callable[[int, int], TypeEngine[Any]]] = {
    "bigint": _integer(BigInteger, mysql.BIGINT),
    "mediumint": _integer(Integer, mysql.MEDIUMINT),
    "smallint": _integer(SmallInteger, mysql.SMALLINT),
    "tinyint": _integer(SmallInteger, mysql.TINYINT),
    "varchar": _varchar,
    "longtext": _longtext,
    "decimal": _decimal,
}


def _read_csv(path: Path, table: Table) -> tuple[list[str], Iterator[list[object]]]:
    """Return the columns of a CSV file and an iterator over its rows, each value of the column's Python type."""
    lines = _csv_lines(path)
    columns = next(lines, [])
    unknown = [column for column in columns if column not in table.c]
    if unknown or not columns:
        raise ValueError(f"{path.name}: no such column in Moodle's {table.name}: {', '.join(unknown) or 'no header'}")
    convert = [_converter(table.c[column]) for column in columns]

    def rows() -> Iterator[list[object]]:
        number = 0
        try:
            for number, line in enumerate(lines, start=1):  # noqa: B007 - told in the error below
                yield [None if field == NULL else of(field) for of, field in zip(convert, line, strict=True)]
        except (csv.Error, ValueError, InvalidOperation) as error:
            raise ValueError(f"{path.name}: row {number} or the next one: {error}") from error

    return columns, rows()


def _csv_lines(path: Path) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST_FIELD)
    # newline="": the csv module itself handles line ends, so those inside quotes stay as they are.
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file, strict=True)


def _converter(column: Column[Any]) -> Callable[[str], object]:
    if isinstance(column.type, Numeric):
        return Decimal
    return str if isinstance(column.type, String) else int
