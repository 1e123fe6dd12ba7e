"""A small Moodle made by hand: rows with sensible defaults, and whole snapshots.

The site without any override is one company with one learner, enrolled in one visible course with two tracked
modules, nothing done yet: exactly one row of the reporting table. A test overrides what it is about.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
from sqlalchemy import BigInteger, Column, Engine, Integer, MetaData, Table, Text, insert

from alx_core.domain.changes import PERSONAL
from alx_core.domain.course_rows import CourseRows
from alx_core.domain.learners import Layout, LearnerRange
from alx_core.domain.progress import CONTENT, KEY, LEARNER_TABLES, SNAPSHOT_COLUMNS, TEXT, Snapshot
from alx_core.domain.range_facts import NO_RANGES, range_facts
from alx_core.domain.sync import CompanyResult, SyncResult, TableFacts
from alx_core.services.sync.source import Digests

Row = dict[str, Any]
Key = tuple[int, int, int]

NOW = 1_795_474_552
"""2026-11-23 22:55:52 UTC."""

COMPANY, LEARNER, COURSE, ENROL, MODULE = 1, 100, 10, 1000, 1
"""Ids of the default site; its second module is MODULE + 1, its site course SITE_COURSE."""
SITE_COURSE = 1
MODULE_TYPE = 5
KEY_OF_DEFAULT = (COMPANY, LEARNER, COURSE)


def make_user(**overrides: Any) -> Row:
    """A row of `user`."""
    person = {"username": "ada", "firstname": "Ada", "lastname": "Byron", "email": "ada@example.com"}
    return {"id": LEARNER, "deleted": 0, "suspended": 0, **person, **overrides}


def make_user_enrolment(**overrides: Any) -> Row:
    """A row of `user_enrolments`: active for ever."""
    times = {"timestart": 0, "timeend": 0, "timecreated": NOW - 1000}
    return {"userid": LEARNER, "enrolid": ENROL, "status": 0, **times, **overrides}


def make_module_completion(**overrides: Any) -> Row:
    """A row of `course_modules_completion`: the first module, done."""
    return {
        "userid": LEARNER, "coursemoduleid": MODULE, "completionstate": 1, "timemodified": NOW - 500, **overrides,
    }  # fmt: skip


def make_course_completion(**overrides: Any) -> Row:
    """A row of `course_completions`: begun, not complete."""
    times = {"timeenrolled": NOW - 900, "timestarted": NOW - 800, "timecompleted": None}
    return {"userid": LEARNER, "course": COURSE, **times, **overrides}


def make_company_user(**overrides: Any) -> Row:
    """A row of `company_users`: one department's membership."""
    return {"userid": LEARNER, "companyid": COMPANY, "suspended": 0, **overrides}


def make_course(**overrides: Any) -> Row:
    """A row of `course`: visible, completion on."""
    return {"id": COURSE, "category": 2, "visible": 1, "enablecompletion": 1, "fullname": "Safety", **overrides}


def make_module(**overrides: Any) -> Row:
    """A row of `course_modules`: tracked."""
    return {
        "id": MODULE, "course": COURSE, "module": MODULE_TYPE, "completion": 1, "deletioninprogress": 0, **overrides,
    }  # fmt: skip


def make_enrol(**overrides: Any) -> Row:
    """A row of `enrol`: a way into the course, switched on."""
    return {"id": ENROL, "courseid": COURSE, "status": 0, **overrides}


def make_company(**overrides: Any) -> Row:
    """A row of `company`."""
    return {"id": COMPANY, "suspended": 0, "shortname": "acme", "name": "Acme", **overrides}


def make_snapshot(**rows: Iterable[Row]) -> Snapshot:
    """The default site; a table that is named has exactly the rows given for it."""
    site = {
        "user": [make_user()],
        "user_enrolments": [make_user_enrolment()],
        "course_modules_completion": [],
        "course_completions": [],
        "company_users": [make_company_user()],
        "course": [make_course(), make_course(id=SITE_COURSE, category=0, fullname="The site")],
        "course_modules": [make_module(), make_module(id=MODULE + 1)],
        "modules": [{"id": MODULE_TYPE, "visible": 1}],
        "enrol": [make_enrol()],
        "company": [make_company()],
        "company_course": [{"companyid": COMPANY, "courseid": COURSE}],
        "company_shared_courses": [],
        "iomad_courses": [{"courseid": COURSE, "shared": 0}],
    }
    unknown = rows.keys() - site.keys()
    assert not unknown, unknown
    return {name: make_frame(name, each) for name, each in {**site, **rows}.items()}


def make_frame(table: str, rows: Iterable[Row]) -> pl.DataFrame:
    """The frame of one of Moodle's tables."""
    return pl.DataFrame(list(rows), schema=SNAPSHOT_COLUMNS[table], orient="row")


def make_many_learners(count: int, *, step: int = 1, **overrides: Any) -> dict[str, list[Row]]:
    """The learner tables of `count` learners like the default one, with ids from LEARNER on."""
    ids = range(LEARNER, LEARNER + count * step, step)
    return {
        "user": [make_user(id=each, username=f"u{each}", **overrides) for each in ids],
        "user_enrolments": [make_user_enrolment(userid=each) for each in ids],
        "company_users": [make_company_user(userid=each) for each in ids],
    }


def learners_of(snapshot: Snapshot, learners: LearnerRange) -> Snapshot:
    """What a reader returns for one learner range: the learner tables cut, the catalogue whole."""
    return {
        name: frame.filter(_is_in(name, [learners])) if name in LEARNER_TABLES else frame
        for name, frame in snapshot.items()
    }


REPORT_SCHEMA: dict[str, pl.DataType] = {**dict.fromkeys(KEY, pl.Int64()), **CONTENT}
STORED_SCHEMA: dict[str, pl.DataType] = {**REPORT_SCHEMA, "is_deleted": pl.Int64()}


def make_report_row(**overrides: Any) -> Row:
    """A row of the reporting table as the rules give it."""
    return {
        "companyid": COMPANY, "userid": LEARNER, "courseid": COURSE,
        "username": "ada", "firstname": "Ada", "lastname": "Byron", "email": "ada@example.com",
        "coursename": "Safety", "timecompleted": 0, "timestarted": 0, "timeenrolled": NOW - 1000,
        "percentage_x100": 0, "status": "not_started", "activities_total": 2, "activities_completed": 0, **overrides,
    }  # fmt: skip


def make_report(*rows: Row) -> pl.DataFrame:
    """Rows of the rules' result, sorted by key as they come."""
    return pl.DataFrame(list(rows), schema=REPORT_SCHEMA, orient="row").sort(KEY)


def make_stored(*rows: Row) -> pl.DataFrame:
    """Rows as the reporting table holds them; `is_deleted` 0 unless a row says otherwise."""
    return pl.DataFrame([{"is_deleted": 0, **row} for row in rows], schema=STORED_SCHEMA, orient="row")


def make_tombstone(**overrides: Any) -> Row:
    """A stored row that no longer qualifies."""
    return {**make_report_row(**overrides), **dict.fromkeys(PERSONAL, ""), "is_deleted": 1}


def make_table_row(**overrides: Any) -> Row:
    """A row of the reporting table with all of its columns, as SQL inserts it."""
    row = make_report_row()
    del row["percentage_x100"]
    stamps = dict.fromkeys(("last_updated", "created_at", "updated_at"), NOW)
    return {**row, "percentage": 0.0, "is_deleted": 0, **stamps, "change_seq": 1, **overrides}


def make_run(**overrides: Any) -> Row:
    """A sync run of the newest hour that succeeded."""
    end = NOW - NOW % 3600
    return {
        "kind": "hourly", "status": "succeeded", "as_of": NOW, "window_start": end - 3600, "window_end": end,
        "started_at": NOW, "finished_at": NOW + 10, **overrides,
    }  # fmt: skip


def by_key(rows: pl.DataFrame) -> dict[Key, Row]:
    """Rows by (companyid, userid, courseid), without the key's own columns."""
    return {
        (row["companyid"], row["userid"], row["courseid"]): {n: v for n, v in row.items() if n not in KEY}
        for row in rows.to_dicts()
    }


def make_company_result(**overrides: Any) -> CompanyResult:
    """A company that was written without trouble: ten rows, unchanged."""
    return replace(CompanyResult(companyid=COMPANY, shortname="acme", rows=10, unchanged=10), **overrides)


def make_sync_result(*companies: CompanyResult, **overrides: Any) -> SyncResult:
    """A sync's result; the table holds what the companies should have."""
    result = SyncResult(
        run_id=7,
        as_of=NOW,
        companies=companies,
        errors=sum(each.errors for each in companies),
        ranges=1,
        ranges_skipped=0,
        seconds=1.0,
        newest_change=NOW - 60,
        rows_read={},
        table=TableFacts(rows={each.companyid: each.rows for each in companies}),
    )
    return replace(result, **overrides)


ROW_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by this type alone


def load_moodle(engine: Engine, snapshot: Snapshot, prefix: str = "mdl_") -> MetaData:
    """Make Moodle's tables, with no more columns than the sync needs, and fill them; return their description."""
    metadata = MetaData()
    with engine.begin() as connection:
        for name, columns in SNAPSHOT_COLUMNS.items():
            own_id = [] if "id" in columns else [Column("id", ROW_ID, primary_key=True)]
            table = Table(
                prefix + name,
                metadata,
                *own_id,
                *(Column(each, Text if dtype == TEXT else BigInteger) for each, dtype in columns.items()),
            )
            table.create(connection)
            if rows := snapshot[name].to_dicts():
                connection.execute(insert(table), rows)
    return metadata


class FrameSource:
    """A Moodle that is nothing but frames: the `Source` of a sync without a database behind it.

    `width` is that of its learner ranges, of which a band has three; `has_digests` lets it tell quiet ranges, as a
    server does.
    """

    def __init__(self, snapshot: Snapshot, *, width: int = 2**40, has_digests: bool = False) -> None:
        self.snapshot = snapshot
        self.width = width
        self.per_band = 3
        self.has_digests = has_digests
        self.scans: list[list[LearnerRange]] = []
        self.courses_scanned: list[CourseRows] = []
        self.is_closed = False

    def companies(self) -> pl.DataFrame:
        """The table `company`."""
        return self.snapshot["company"]

    def layout(self, rows_per_band: int) -> Layout:  # noqa: ARG002  # the protocol's
        """Ranges of `width` ids, whatever was asked for."""
        count = max(self.snapshot["user"]["id"].to_list(), default=0) // self.width + 1
        return Layout(self.width, count, self.per_band)

    def scan(
        self, learners: Sequence[LearnerRange], courses: CourseRows | None = None
    ) -> Iterator[tuple[str, pl.DataFrame]]:
        """The learners of these ranges, or their rows about `courses`, and the catalogue, in batches of two rows."""
        self.scans.append(list(learners))
        self.courses_scanned += [courses] if courses else []
        for name, frame in (rows_about(self.snapshot, courses) if courses else self.snapshot).items():
            found = frame.filter(_is_in(name, learners)) if name in LEARNER_TABLES else frame
            for batch in found.iter_slices(2):
                yield name, batch

    def digests(self, layout: Layout, courses: CourseRows | None = None) -> Digests:
        """The digests of what a scan of each range would read."""
        indexes = range(layout.count)
        whole = range_facts(self.snapshot, as_of=NOW, layout=layout, indexes=indexes)
        about = (
            range_facts(rows_about(self.snapshot, courses), as_of=NOW, layout=layout, indexes=indexes)
            if courses
            else NO_RANGES
        )
        return Digests(whole, about)

    def catalogue(self) -> Snapshot:
        """All tables, those with a row per learner empty."""
        return {name: frame.clear() if name in LEARNER_TABLES else frame for name, frame in self.snapshot.items()}

    def ranges_with(self, table: str, column: str, ids: Collection[int], layout: Layout) -> set[int]:
        """The ranges of learners with a row that has one of `ids` in `column`."""
        found = self.snapshot[table].filter(pl.col(column).is_in(list(ids)))
        return set(found.select(layout.index_of(pl.col("userid"))).to_series())

    def close(self) -> None:
        """Take note."""
        self.is_closed = True


def rows_about(snapshot: Snapshot, courses: CourseRows) -> Snapshot:
    """The rows about `courses`, and the catalogue."""
    enrolled = snapshot["user_enrolments"].filter(pl.col("enrolid").is_in(list(courses.enrolids)))["userid"]

    def rows(name: str, frame: pl.DataFrame) -> pl.DataFrame:
        if name not in LEARNER_TABLES:
            return frame
        column, ids = courses.ids_in(name) or ("id" if name == "user" else "userid", set(enrolled))
        return frame.filter(pl.col(column).is_in(list(ids)))

    return {name: rows(name, frame) for name, frame in snapshot.items()}


def _is_in(table: str, learners: Sequence[LearnerRange]) -> pl.Expr:
    """An id that can't be right is in the first range."""
    learner = pl.col("id" if table == "user" else "userid").fill_null(0).clip(lower_bound=0)
    return pl.any_horizontal(pl.lit(False), *(learner.is_between(each.first, each.last) for each in learners))


def by_table(snapshot: Snapshot) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a snapshot, in an order that does not depend on how they came."""
    return {name: frame.sort(frame.columns).rows() for name, frame in snapshot.items()}
