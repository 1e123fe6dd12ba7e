"""The rows of learners by which the rules judge them in some courses, for when nothing else can have changed."""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from alx_core.domain.progress import Snapshot


@dataclass(frozen=True, slots=True)
class CourseRows:
    """What these rows have in common: the ids of the courses, of their enrolment instances and of their activities.

    They are the rows of `user_enrolments` by the instances, of `course_modules_completion` about the activities, of
    `course_completions` about the courses, and those of `user` and `company_users` of who has an enrolment by an
    instance. From these and the catalogue follow all rows of the courses in the reporting table, and no others.
    """

    courseids: frozenset[int]
    enrolids: frozenset[int]
    coursemoduleids: frozenset[int]

    def ids_in(self, table: str) -> tuple[str, frozenset[int]] | None:
        """Return the column of `table`, one with a row per learner, by which a row is one of these, and its values.

        None: it is by the learner's enrolments.
        """
        return {
            "user_enrolments": ("enrolid", self.enrolids),
            "course_modules_completion": ("coursemoduleid", self.coursemoduleids),
            "course_completions": ("course", self.courseids),
        }.get(table)


def course_rows(catalogue: Snapshot, courseids: Collection[int]) -> CourseRows:
    """Return what the rows about the courses `courseids` have in common, as `catalogue` has it."""

    def ids(table: str, course: str) -> frozenset[int]:
        return frozenset(catalogue[table].filter(pl.col(course).is_in(list(courseids)))["id"])

    return CourseRows(frozenset(courseids), ids("enrol", "courseid"), ids("course_modules", "course"))
