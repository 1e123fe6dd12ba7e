"""What the rules make of a site of one learner, changed here and there."""

from typing import Any

from alx_core.domain.progress import KEY, reporting_rows
from support.builders import MODULE, NOW, Key, Row, make_enrol, make_module, make_module_completion, make_snapshot

OTHER_COMPANY, OTHER_COURSE, OTHER_ENROL, OTHER_LEARNER = 2, 11, 1001, 101


def rows(*, as_of: int = NOW, **tables: Any) -> list[Row]:
    """The rows of a site with these tables in place of the default ones."""
    return reporting_rows(make_snapshot(**tables), as_of=as_of).to_dicts()


def keys(*, as_of: int = NOW, **tables: Any) -> list[Key]:
    """The keys of these rows."""
    return [tuple(row[name] for name in KEY) for row in rows(as_of=as_of, **tables)]


def only_row(**tables: Any) -> Row:
    """The row of a site that has one."""
    (row,) = rows(**tables)
    return row


def modules(count: int) -> list[Row]:
    """So many tracked modules of the course."""
    return [make_module(id=MODULE + index) for index in range(count)]


def done(count: int, *, state: int = 1) -> list[Row]:
    """The learner's state in the first `count` of them."""
    return [make_module_completion(coursemoduleid=MODULE + index, completionstate=state) for index in range(count)]


TWO_WAYS = [make_enrol(), make_enrol(id=OTHER_ENROL)]
"""Two ways of enrolment into the one course."""
