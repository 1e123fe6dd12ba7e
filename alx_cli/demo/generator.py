"""A realistic IOMAD site out of nothing: the demo's Moodle, and the benchmarks'.

`demo_tables` makes the rows, the same for the same arguments; `build_demo_moodle` writes them to a SQLite file. The
site holds, beside the plain cases, some of every one that makes a report wrong: see the traits in
`alx_cli.demo.catalogue`, the cases dealt in `learners`, `enrolments` and `progress`.
"""

import glob
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from uuid import uuid4

import numpy as np
from sqlalchemy import Connection, Table, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from alx_cli.demo.accounts import service_userids, user_table
from alx_cli.demo.columns import BATCH_ROWS, Rows, SiteTable
from alx_cli.demo.companies import company_tables, make_companies
from alx_cli.demo.courses import make_courses
from alx_cli.demo.enrolments import OLDEST_DAYS, enrolment_table, make_enrolments
from alx_cli.demo.learners import make_learners
from alx_cli.demo.memberships import membership_table
from alx_cli.demo.moodle_schema import JSON_PREFIX, moodle_metadata
from alx_cli.demo.progress import make_progress
from alx_cli.demo.services import service_tables
from alx_cli.demo.work_clock import DAY_S, HOUR_S, WorkClock

MIN_LEARNERS = 100
"""Fewer could not hold every awkward case."""

STALE_AFTER_S = HOUR_S
"""A partial file older than this belongs to a build that was killed: a build takes seconds."""

OnProgress = Callable[[str, int, int], None]
"""Called with the table just being written, its rows written so far, and its rows in all."""


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What a demo site holds. `completions` are completed or begun modules: rows of course_modules_completion."""

    companies: int
    learners: int
    courses: int
    enrolments: int
    completions: int


def demo_tables(*, learners: int = 20_000, now: int, seed: int = 1) -> Iterator[SiteTable]:
    """Yield every table of a site as (name without prefix, columns, rows); columns left out take their default.

    `now` is the instant, in Unix epoch seconds, at which somebody looks at the site: nothing happened after it. The
    rows have a length and can be iterated again. Raises ValueError for fewer than MIN_LEARNERS learners.
    """
    if learners < MIN_LEARNERS:
        raise ValueError(f"a demo site has at least {MIN_LEARNERS} learners, not {learners}")
    dice = np.random.default_rng(seed)
    clock = WorkClock(start=now - (OLDEST_DAYS + 2) * DAY_S, end=now + DAY_S)
    courses = make_courses(dice, now=now)
    companies = make_companies(dice)
    people, cases = make_learners(dice, companies, learners=learners, now=now)
    services = service_userids(companies, learners)
    enrolments = make_enrolments(dice, companies, people, clock, now=now)
    progress = make_progress(dice, enrolments, learners=people, courses=courses, clock=clock, now=now)
    yield from company_tables(companies)
    yield from courses.tables
    yield user_table(dice, companies, people, progress.lastaccess, now=now)
    yield membership_table(dice, companies, people, cases=cases, service_userids=services)
    yield from service_tables(dice, services, now=now)
    yield enrolment_table(enrolments, people)
    yield from progress.tables


def build_demo_moodle(
    path: Path, *, learners: int = 20_000, now: int, seed: int = 1, on_progress: OnProgress | None = None
) -> DemoSummary:
    """Write the site of `demo_tables` to a SQLite file and return what it holds.

    The file appears whole or not at all: it is written beside `path` and renamed; an older file stays until then. A
    killed build leaves only a hidden `.partial` file, which a later build removes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    partial = path.with_name(f".{path.name}.{uuid4().hex}.partial")
    try:
        counts = _write(partial, demo_tables(learners=learners, now=now, seed=seed), on_progress)
        # Left by a reader of the older file, they would be taken for this one's.
        for suffix in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return DemoSummary(
        companies=counts["company"],
        learners=learners,
        courses=counts["course"] - 1,  # without the site course
        enrolments=counts["user_enrolments"],
        completions=counts["course_modules_completion"],
    )


def _remove_stale(path: Path) -> None:
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        with suppress(FileNotFoundError):  # another build was quicker
            if leftover.stat().st_mtime < time.time() - STALE_AFTER_S:
                leftover.unlink()


def _write(path: Path, tables: Iterable[SiteTable], on_progress: OnProgress | None) -> dict[str, int]:
    """Write the tables, each with its indexes after its rows, and return their row counts."""
    metadata = moodle_metadata()
    counts: dict[str, int] = {}
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)
    with engine.connect() as connection:
        # Nobody reads the file before it is whole, and a killed build's is thrown away: no journal, no syncing.
        connection.exec_driver_sql("PRAGMA journal_mode = OFF")
        connection.exec_driver_sql("PRAGMA synchronous = OFF")
        connection.exec_driver_sql("PRAGMA cache_size = -65536")  # KiB
        for name, columns, rows in tables:
            table = metadata.tables[JSON_PREFIX + name]
            counts[name] = _write_table(connection, table, columns=columns, rows=rows, on_progress=on_progress)
        connection.commit()
    return counts


def _write_table(
    connection: Connection, table: Table, *, columns: list[str], rows: Rows, on_progress: OnProgress | None
) -> int:
    """Write one table and return its row count. Indexes come last: building one sorts, filling one seeks."""
    name, total, written = table.name.removeprefix(JSON_PREFIX), len(rows), 0
    connection.execute(CreateTable(table))
    quote = connection.dialect.identifier_preparer.quote
    names, marks = ", ".join(map(quote, columns)), ", ".join("?" * len(columns))
    statement = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH_ROWS)):
        connection.exec_driver_sql(statement, batch)
        written += len(batch)
        if on_progress is not None:
            on_progress(name, written, total)
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        index.create(connection)
    return written
