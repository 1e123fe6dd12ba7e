"""The SELECTs on Moodle's tables: plain columns, no aggregation, whatever the database.

Aggregating in MariaDB is its slow part, so columns are read as they are and the rules run at the client
(`alx_core.domain.progress`). Each query returns the columns of `SNAPSHOT_COLUMNS`; rows that no rule looks at
(enrolments that are switched off, completion state 0) stay in the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Select,
    TableClause,
    case,
    column,
    func,
    null,
    or_,
    select,
    table,
)

from alx_core.domain.bad_records import LAST_TIME
from alx_core.domain.course_rows import CourseRows
from alx_core.domain.learners import EVERYBODY, LearnerRange
from alx_core.domain.progress import LEARNER_TABLES, SNAPSHOT_COLUMNS
from alx_core.store.learner_ranges import is_in
from alx_pipeline.moodle.tables import CHANGE_COLUMN

OPTIONAL_TABLES = ("modules",)
"""Read when there and readable: without it a module type that the site switched off still counts."""

REQUIRED_TABLES = tuple(name for name in SNAPSHOT_COLUMNS if name not in OPTIONAL_TABLES)
"""The tables that the sync can't do without. The database user needs SELECT on these and nothing else."""

AnySelect = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Ids:
    """Rows of a table by `id`, which is every Moodle table's primary key; None is no bound."""

    after: int | None
    until: int | None


@dataclass(frozen=True, slots=True)
class MoodleTables:
    """Moodle's tables under the site's prefix, and the queries on them."""

    prefix: str
    has_modules: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The tables that are read, without prefix."""
        return (*REQUIRED_TABLES, *(OPTIONAL_TABLES if self.has_modules else ()))

    def table(self, name: str) -> TableClause:
        """Return the table `name` (without prefix) with the columns that the sync reads."""
        return table(self.prefix + name, *(column(each) for each in SNAPSHOT_COLUMNS[name]))

    def scan_queries(self, learners: Sequence[LearnerRange], courses: CourseRows | None = None) -> dict[str, AnySelect]:
        """Return one SELECT per table that is read; those with a row per learner are limited to `learners`, `courses`.

        Without learners only the catalogue is left.
        """
        names = [name for name in self.names if learners or name not in LEARNER_TABLES]
        return {name: self.select(name, learners, courses) for name in names}

    def select(
        self,
        name: str,
        learners: Sequence[LearnerRange] = (EVERYBODY,),
        courses: CourseRows | None = None,
        *,
        ids: Ids | None = None,
    ) -> AnySelect:
        """Return the SELECT of one table, or of its rows with these ids; those that no rule looks at stay there."""
        source = self.table(name)
        query = select(*(source.c[each] for each in SNAPSHOT_COLUMNS[name]))
        if name in LEARNER_TABLES:
            learner = source.c.id if name == "user" else source.c.userid
            if EVERYBODY not in learners:
                query = query.where(is_in(learner, learners, is_indexed=True))
            if courses is not None:
                column_, values = courses.ids_in(name) or (learner.name, self.enrolled(courses))
                query = query.where(source.c[column_].in_(values))
        if ids is not None and ids.after is not None:
            query = query.where(column("id") > ids.after)
        if ids is not None and ids.until is not None:
            query = query.where(column("id") <= ids.until)
        if name in ("enrol", "user_enrolments"):
            query = query.where(_is_not(source.c.status, 1))
        if name == "course_modules_completion":
            query = query.where(_is_not(source.c.completionstate, 0))
        return query

    def enrolled(self, courses: CourseRows) -> Select[*tuple[Any, ...]]:
        """Return a SELECT of the `userid` of everybody with an enrolment by an instance of `courses`, each once."""
        query = self.select("user_enrolments", courses=courses)
        return query.with_only_columns(query.selected_columns.userid).distinct()

    def first_and_last_id(self, name: str) -> Select[*tuple[Any, ...]]:
        """Return a SELECT of the lowest and the highest id of a table; it takes no time, as id is the primary key."""
        return select(func.min(column("id")), func.max(column("id"))).select_from(table(self.prefix + name))

    def last_learner(self, *, after: int = 0) -> Select[int]:
        """Return a SELECT of the highest user id, or of the one that comes after `after` higher ones; maybe none."""
        learner = self.table("user").c.id
        return select(learner).order_by(learner.desc()).limit(1).offset(after)

    def facts(self, name: str) -> Select[*tuple[Any, ...]]:
        """Return a SELECT of a table's exact row count and its newest change (NULL where Moodle keeps none).

        Milliseconds or text in the place of a time are bad records, and no change.
        """
        change = CHANGE_COLUMN[name]
        newest = func.max(case((column(change).between(0, LAST_TIME), column(change)))) if change else null()
        return select(func.count(), newest).select_from(table(self.prefix + name))

    def count(self, name: str) -> Select[int]:
        """Return a SELECT of the exact row count of a table."""
        return select(func.count()).select_from(self.table(name))


def _is_not(value: ColumnClause[Any], unused: int) -> ColumnElement[bool]:
    """Leave out the one sound value that no rule looks at: one that can't be right has to come along, to be refused."""
    return or_(value.is_(None), value != unused)
