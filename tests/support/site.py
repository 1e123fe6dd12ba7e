"""The real IOMAD site as data, and what must come out of it."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Result, create_engine, select
from sqlalchemy.engine import URL

from alx_core.store.tables import reporting
from support.databases import scratch_database, templates

FOLDER = Path(__file__).parent.parent / "fixtures" / "moodle_real"
TABLES = FOLDER / "tables"
AS_OF = 1795474552
"""The instant at which Moodle core was asked (`as_of` of truth.csv)."""

Key = tuple[int, int, int]
COMPARED = (
    "percentage", "status", "timecompleted", "activities_total", "activities_completed",
    "firstname", "lastname", "email", "coursename",
)  # fmt: skip


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read one of the site's CSV files."""
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def load_real_site(url: URL) -> None:
    """Load the site into an empty database."""
    from alx_cli.demo.moodle_schema import load_site  # noqa: PLC0415  # unit tests do without the demo

    engine = create_engine(url)
    load_site(engine, TABLES)
    engine.dispose()


@contextmanager
def site_on_server(kind: str) -> Iterator[URL]:
    """Yield a copy of the site on the server of `kind`, to be changed at will."""
    with scratch_database(kind, template=_site_template(kind)) as url:
        yield url


@cache
def _site_template(kind: str) -> str:
    url = templates.enter_context(scratch_database(kind))
    load_real_site(url)
    return str(url.database)


def expected_rows() -> dict[Key, dict[str, str]]:
    """The rows that Moodle core's answers give, as text, by key."""
    return {
        (int(row["companyid"]), int(row["userid"]), int(row["courseid"])): {name: row[name] for name in COMPARED}
        for row in read_csv(FOLDER / "expected.csv")
    }


def reported_rows(engine: Engine, columns: Iterable[str] = COMPARED) -> dict[Key, dict[str, str]]:
    """The live rows of the reporting table, as text, by key."""
    with engine.connect() as connection:
        return {key: {name: _text(row[name]) for name in columns} for key, row in live_rows(connection).items()}


def live_rows(connection: Connection) -> dict[Key, dict[str, object]]:
    """The rows of the reporting table that are no tombstones, all columns, by key."""
    found = rows_of(connection.execute(select(reporting).where(reporting.c.is_deleted == 0)))
    return {(row["companyid"], row["userid"], row["courseid"]): row for row in found}


def rows_of(result: Result[Any]) -> list[dict[str, Any]]:
    """Its rows by column; made of `mappings()` they took a tenth of the tests' time."""
    names = list(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)
