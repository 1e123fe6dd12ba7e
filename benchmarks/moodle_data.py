"""A made-up Moodle of any size for the benchmarks: the same seeded rows on PostgreSQL, MariaDB and SQLite.

Ten courses a learner; five activities done, on average, in each. Some learners are in two companies, some enrolled
twice, some deleted or suspended, some enrolments have run out; courses have 6 to 14 tracked activities, so percentages
are not round; some courses are shared. Rows lie in the order in which Moodle would have made them. Tables, types and
indexes are those of a real site (`alx_cli.demo.moodle_schema`).
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy import Connection, Engine, MetaData, Table
from sqlalchemy.schema import CreateTable

from alx_cli.demo.moodle_schema import moodle_metadata

SEED = 20_261_123
COURSES = 200
COURSES_PER_LEARNER = 10
MODULES_PER_COURSE = 16
COMPANIES = 50
BEGIN, END = 1_700_000_000, 1_795_000_000
FIRST_USER = FIRST_COURSE = 2
FIRST_NAMES = ("Anna", "José", "Müller", "Li", "Oluwaseun", "Zoë", "Дмитрий", "Maria", "John", "Fatima")
OPEN_SHARED = range(FIRST_COURSE, FIRST_COURSE + 5)
SHARED_WITH = range(FIRST_COURSE + 5, FIRST_COURSE + 10)

Frames = Iterator[tuple[str, pl.DataFrame]]


@dataclass(frozen=True)
class MoodleData:
    """The rows of a site with `pairs` enrolled (learner, course) pairs, its learners spread over `companies`."""

    pairs: int
    companies: int = COMPANIES

    @property
    def learners(self) -> int:
        """How many people the site has."""
        return self.pairs // COURSES_PER_LEARNER

    def frames(self) -> Frames:
        """Yield each table, without prefix, and its rows; `id` counts from 1 where it is left out."""
        yield from self._catalogue()
        yield from self._people()
        yield "user_enrolments", self._enrolments()
        yield "course_modules_completion", self._module_completions()
        yield "course_completions", self._course_completions()

    def _catalogue(self) -> Frames:
        course = np.arange(FIRST_COURSE, FIRST_COURSE + COURSES)
        names = [f"Course of mandatory safety training number {each}" for each in course]
        yield "course", pl.DataFrame(
            {"id": [1, *course], "category": [0] + [1] * COURSES, "fullname": ["Site", *names],
             "shortname": ["site", *(f"C{each}" for each in course)], "visible": 1, "enablecompletion": 1,
             "timecreated": BEGIN, "timemodified": BEGIN},
            strict=False,
        )  # fmt: skip
        yield "modules", pl.DataFrame({"id": [1], "name": ["page"], "visible": [1]})
        of_course, number = np.repeat(course, MODULES_PER_COURSE), np.tile(np.arange(MODULES_PER_COURSE), COURSES)
        yield "course_modules", pl.DataFrame(
            {"id": _module_id(of_course, number), "course": of_course, "module": 1, "added": BEGIN,
             "completion": np.where(number < _tracked(of_course), 2, 0)}
        )  # fmt: skip
        yield "enrol", pl.DataFrame(
            {"id": np.arange(2 * COURSES) + 1, "enrol": ["manual", "self"] * COURSES, "status": 0,
             "courseid": np.repeat(course, 2), "timecreated": BEGIN, "timemodified": BEGIN}
        )  # fmt: skip
        company = np.arange(1, self.companies + 1)
        yield "company", pl.DataFrame(
            {"id": company, "name": [f"Company {each}" for each in company], "city": "",
             "shortname": [f"co{each}" for each in company], "country": "DE"}
        )  # fmt: skip
        shared = np.array([*OPEN_SHARED, *SHARED_WITH])
        yield (
            "iomad_courses",
            pl.DataFrame({"courseid": shared, "shared": np.where(np.isin(shared, OPEN_SHARED), 1, 2)}),
        )
        own = np.setdiff1d(course, shared)
        yield (
            "company_course",
            pl.DataFrame(
                {"companyid": np.repeat(company, own.size), "courseid": np.tile(own, self.companies), "departmentid": 1}
            ),
        )
        yield (
            "company_shared_courses",
            pl.DataFrame(
                {
                    "companyid": np.repeat(company, len(SHARED_WITH)),
                    "courseid": np.tile(np.array(SHARED_WITH), self.companies),
                }
            ),
        )

    def _people(self) -> Frames:
        user = np.arange(FIRST_USER, FIRST_USER + self.learners)
        changed = self._random("user").integers(BEGIN, END, self.learners)
        yield "user", pl.DataFrame(
            {"id": user, "confirmed": 1, "mnethostid": 1, "deleted": user % 200 == 0, "suspended": user % 300 == 0,
             "timecreated": BEGIN + user, "timemodified": changed},
        ).select(
            pl.col("id", "confirmed", "mnethostid", "timecreated", "timemodified"),
            pl.col("deleted", "suspended").cast(pl.Int8),
            username=pl.format("user{}", "id"), email=pl.format("user{}@example.org", "id"),
            firstname=pl.Series([FIRST_NAMES[each % 10] for each in user]) + (pl.col("id") % 997).cast(pl.String),
            lastname=pl.format("Lastname{}", pl.col("id") % 7919),
        )  # fmt: skip
        second = user[user % 20 == 0]
        member = np.concatenate([user, second])
        companyid = np.concatenate([1 + user % self.companies, 1 + (second + 1) % self.companies])
        yield "company_users", pl.DataFrame({"companyid": companyid, "userid": member, "departmentid": companyid})

    @cached_property
    def _pairs(self) -> pl.DataFrame:
        """Learner, course, time of enrolment, and how far the learner got, 0 to 1."""
        random = self._random("pairs")
        user = np.repeat(np.arange(FIRST_USER, FIRST_USER + self.learners), COURSES_PER_LEARNER)
        nth = np.tile(np.arange(COURSES_PER_LEARNER), self.learners)
        luck = random.random(user.size)
        return pl.DataFrame(
            {
                "userid": user,
                "course": FIRST_COURSE + (user * 7 + nth * 19 + user // 13) % COURSES,
                "since": random.integers(BEGIN, END, user.size),
                "share": np.where(luck < 0.3, 1.0, np.where(luck < 0.6, 0.0, random.random(user.size))),
                "luck": luck,
            }
        )

    def _enrolments(self) -> pl.DataFrame:
        pairs = self._pairs.select("userid", "since", "luck", enrolid=(pl.col("course") - FIRST_COURSE) * 2 + 1)
        again = pairs.filter(pl.col("luck") < 0.02).with_columns(pl.col("enrolid") + 1, pl.col("since") + 86_400)
        has_ended = (pl.col("luck") > 0.98) & (pl.col("luck") < 0.99)
        return pl.concat([pairs, again]).sort("since").select(
            "enrolid", "userid", timestart="since", timecreated="since", timemodified="since",
            timeend=pl.when(has_ended).then(pl.col("since") + 86_400).otherwise(0),
        )  # fmt: skip

    def _module_completions(self) -> pl.DataFrame:
        random, pairs = self._random("modules"), self._pairs
        course = pairs["course"].to_numpy()
        done = np.ceil(pairs["share"].to_numpy() * _tracked(course)).astype(np.int64)
        row = np.repeat(np.arange(pairs.height), done)
        number = np.arange(row.size) - np.repeat(np.cumsum(done) - done, done)
        state = random.choice(np.array([0, 1, 2, 3], np.int8), row.size, p=[0.05, 0.62, 0.28, 0.05])
        return pl.DataFrame(
            {
                "coursemoduleid": _module_id(course[row], number),
                "userid": pairs["userid"].to_numpy()[row],
                "completionstate": state,
                "timemodified": pairs["since"].to_numpy()[row] + random.integers(0, 5_000_000, row.size),
            }
        ).sort("timemodified")

    def _course_completions(self) -> pl.DataFrame:
        is_complete = pl.col("luck") < 0.29
        return self._pairs.filter(pl.col("luck") < 0.3).sort("since").select(
            "userid", "course", timeenrolled="since", timestarted=pl.col("since") + 1000,
            timecompleted=pl.when(is_complete).then(pl.col("since") + 5_000_000),
        )  # fmt: skip

    def _random(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng([SEED, self.pairs, *purpose.encode()])


def _module_id(course: np.ndarray, number: np.ndarray) -> np.ndarray:
    return (course - FIRST_COURSE) * MODULES_PER_COURSE + number + 1


def _tracked(course: np.ndarray) -> np.ndarray:
    """How many activities of a course count: 6 to 14."""
    return 6 + course % 9


def load(engine: Engine, data: MoodleData, prefix: str = "mdl_") -> None:
    """Create Moodle's tables in an empty database, fill them, then make the indexes and statistics."""
    metadata = moodle_metadata(prefix)
    with engine.begin() as connection:
        for table in metadata.tables.values():
            connection.execute(CreateTable(table))
    for name, frame in data.frames():
        with engine.begin() as connection:
            rows = frame if "id" in frame.columns else frame.with_row_index("id", 1)
            FILL[engine.dialect.name](connection, metadata.tables[prefix + name], rows)
    with engine.begin() as connection:
        for table in metadata.tables.values():
            for index in table.indexes:
                index.create(connection)
    _analyze(engine, metadata)


def _copy(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    with connection.connection.cursor() as cursor:
        with cursor.copy(f"COPY {table.name} ({', '.join(rows.columns)}) FROM STDIN (FORMAT csv)") as copy:
            for batch in rows.iter_slices(500_000):
                copy.write(batch.write_csv(include_header=False).encode())
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}")


def _load_data(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        rows.write_csv(Path(file.name), include_header=False, null_value="\\N")
        connection.exec_driver_sql(
            f"LOAD DATA LOCAL INFILE '{file.name}' INTO TABLE {table.name} CHARACTER SET utf8mb4"
            f" FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ({', '.join(rows.columns)})"
        )


def _executemany(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    statement = f"INSERT INTO {table.name} ({', '.join(rows.columns)}) VALUES ({', '.join('?' * rows.width)})"
    for batch in rows.iter_slices(100_000):
        connection.exec_driver_sql(statement, batch.rows())


FILL = {"postgresql": _copy, "mysql": _load_data, "sqlite": _executemany}


def _analyze(engine: Engine, metadata: MetaData) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE")
        elif engine.dialect.name == "mysql":
            connection.exec_driver_sql(f"ANALYZE TABLE {', '.join(metadata.tables)}")
        else:
            connection.exec_driver_sql("ANALYZE")
