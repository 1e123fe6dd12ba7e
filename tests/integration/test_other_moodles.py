"""Other Moodles than the one at hand: other prefixes, column types, collations, schemas. The rows are the same."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, Table, create_engine, insert, text
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import URL
from sqlalchemy.types import BigInteger, Double, Numeric, SmallInteger, Text, TypeEngine, UserDefinedType

from alx_core.domain.progress import SNAPSHOT_COLUMNS, TEXT
from support.databases import scratch_database
from support.pipeline import MakePipeline
from support.site import TABLES, expected_rows, read_csv, reported_rows


class Untyped(UserDefinedType):
    """A column of SQLite without a type: it keeps what it is given."""

    cache_ok = True

    def get_col_spec(self) -> str:
        return ""


BINARY, UNICODE = "utf8mb4_bin", "utf8mb4_general_ci"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a Moodle's tables are made. `schema` and `query` are PostgreSQL's schema and the options of the URL."""

    database: str
    prefix: str = "mdl_"
    number: Callable[[str], TypeEngine] = lambda _column: BigInteger()
    text: Callable[[str], TypeEngine] = lambda _column: Text()
    schema: str | None = None
    query: tuple[tuple[str, str], ...] = ()


def small_or_big(column: str) -> TypeEngine:
    """Moodle's own choice: a small type for what is a switch."""
    switches = ("deleted", "suspended", "visible", "status", "completion", "completionstate", "shared")
    return SmallInteger() if column in switches else BigInteger()


SHAPES = {
    "mysql, no prefix": Shape("mysql", prefix=""),
    "mysql, capitals": Shape("mysql", prefix="MDL_"),
    "mysql, unsigned": Shape("mysql", number=lambda _: mysql.BIGINT(unsigned=True)),
    "mysql, some unsigned": Shape("mysql", number=lambda name: mysql.BIGINT(unsigned=name.endswith("id"))),
    "mysql, decimal": Shape("mysql", number=lambda _: Numeric(20, 0)),
    "mysql, binary collation": Shape("mysql", text=lambda _: mysql.VARCHAR(254, charset="utf8mb4", collation=BINARY)),
    "mysql, binary texts": Shape("mysql", text=lambda _: mysql.LONGTEXT(charset="utf8mb4", collation=BINARY)),
    "mysql, mixed collations": Shape(
        "mysql",
        text=lambda name: mysql.VARCHAR(254, charset="utf8mb4", collation=BINARY if "name" in name else UNICODE),
    ),
    "mysql, ansi": Shape("mysql", query=(("init_command", "SET SESSION sql_mode='ANSI,NO_BACKSLASH_ESCAPES'"),)),
    "postgresql, no prefix": Shape("postgresql", prefix=""),
    "postgresql, capitals": Shape("postgresql", prefix="MDL_"),
    "postgresql, numeric": Shape("postgresql", number=lambda _: Numeric(20, 0)),
    "postgresql, small": Shape("postgresql", number=small_or_big),
    "postgresql, schema": Shape("postgresql", schema="school", query=(("options", "-csearch_path=school"),)),
    "sqlite, no prefix": Shape("sqlite", prefix=""),
    "sqlite, untyped": Shape("sqlite", number=lambda _: Untyped(), text=lambda _: Untyped()),
    "sqlite, real": Shape("sqlite", number=lambda _: Double()),
    "sqlite, numeric": Shape("sqlite", number=lambda _: Numeric(20, 0)),
}


def load(url: URL, shape: Shape) -> None:
    """Make the tables that the sync reads, of this shape, and fill them from the real site."""
    engine, metadata = create_engine(url), MetaData(schema=shape.schema)
    with engine.begin() as connection:
        if shape.schema:
            connection.execute(text(f"CREATE SCHEMA {shape.schema}"))
        for name, columns in SNAPSHOT_COLUMNS.items():
            types = {each: (shape.text if dtype == TEXT else shape.number)(each) for each, dtype in columns.items()}
            table = Table(shape.prefix + name, metadata, *(Column(each, types[each]) for each in columns))
            table.create(connection)
            rows = [
                {each: value(row[each], is_text=dtype == TEXT) for each, dtype in columns.items()}
                for row in read_csv(TABLES / f"{name}.csv")
            ]
            if rows:
                connection.execute(insert(table), rows)
    engine.dispose()


def value(written: str, *, is_text: bool) -> str | int | None:
    if written == r"\N":
        return None
    return written if is_text else int(written)


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def shaped(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Shape, URL]]:
    shape: Shape = request.param
    if shape.database == "sqlite":
        url = URL.create("sqlite", database=str(tmp_path / "moodle.sqlite"))
        load(url, shape)
        yield shape, url
        return
    with scratch_database(shape.database) as url:
        load(url, shape)
        yield shape, url.update_query_pairs(shape.query)


def test_the_rows_are_the_same_and_a_change_is_found(
    shaped: tuple[Shape, URL], sqlite_url: URL, make_pipeline: MakePipeline
) -> None:
    shape, url = shaped
    pipeline = make_pipeline(url, sqlite_url)
    pipeline.settings = pipeline.settings.model_copy(update={"moodle_prefix": shape.prefix})
    pipeline.sync()
    assert reported_rows(pipeline.reporting) == expected_rows()
    pipeline.sync()  # from here on quiet learner ranges are skipped
    quote = pipeline.moodle.dialect.identifier_preparer.quote
    pipeline.edit(f"UPDATE {quote(shape.prefix + 'user')} SET firstname = 'A|b' WHERE id = 3")
    pipeline.now += 3600
    pipeline.sync()
    assert {row["firstname"] for key, row in reported_rows(pipeline.reporting).items() if key[1] == 3} == {"A|b"}
