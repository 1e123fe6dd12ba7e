"""Random sites for property tests.

Few ids, so that rows meet, and instants round NOW, so that edges are hit. Each possible row is one choice among
variants, the usual one most often: rows of the reporting table have many conditions, and a site drawn freely would
never meet them all.
"""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from hypothesis import strategies as st

from alx_core.domain.progress import Snapshot
from support.builders import (
    NOW,
    SITE_COURSE,
    Row,
    make_company,
    make_course,
    make_enrol,
    make_module,
    make_snapshot,
    make_user,
)

USERS, COMPANIES, COURSES = (100, 101, 102), (1, 2), (SITE_COURSE, 10, 11, 12)
ENROLS = {1000: 10, 1001: 10, 1002: 11, 1003: 12, 1004: SITE_COURSE}
"""Enrolment instance -> its course; the first course has two."""
MODULES = {1: 10, 2: 10, 3: 10, 4: 11, 5: 12}
MODULE_TYPES = (5, 6)

EDGES = (0, NOW - 3600, NOW - 1, NOW, NOW + 1, NOW + 3600)
TEXTS = ("Ada", "", "Łukasz", "O'Neill", '"quoted", twice', "名前", "a\nb", "<span>&amp;</span>", "NULL")
Variant = Row | None
"""What a row has besides its ids; None: there is no such row."""


def _product(**values: Sequence[Any]) -> list[Variant]:
    return [dict(zip(values, each, strict=True)) for each in product(*values.values())]


_ENROLMENTS = _product(status=(0,), timestart=EDGES[:4], timeend=(0, *EDGES[4:]), timecreated=EDGES[:3])
_OTHER_ENROLMENTS = _product(status=(0, 1), timestart=EDGES, timeend=EDGES, timecreated=(NOW,))
_PERIODS = _product(timeenrolled=EDGES[:3], timestarted=EDGES[:3], timecompleted=(None, 0, *EDGES[1:4]))

VARIANTS: dict[str, list[Variant]] = {
    "user": [*_product(firstname=TEXTS), {"deleted": 1}, {"suspended": 1}, {"username": "guest"}, None],
    "company": [{}, {}, {}, {"suspended": 1}, None],
    "course": [*_product(fullname=TEXTS), {"visible": 0}, *[{"enablecompletion": 0}] * 3, None],
    "course_modules": [
        *_product(module=MODULE_TYPES, completion=(1, 2, 1)), {"completion": 0}, {"deletioninprogress": 1}, None,
    ],
    "modules": [{"visible": 1}, {"visible": 1}, {"visible": 0}, None],
    "enrol": [{}, {}, {}, {}, {"status": 1}, None],
    "user_enrolments": [*_ENROLMENTS, *_OTHER_ENROLMENTS[:: len(_OTHER_ENROLMENTS) // 36], *[None] * 24],
    "course_modules_completion": [*_product(completionstate=range(5), timemodified=EDGES[1:4]), *[None] * 10],
    "course_completions": [*_PERIODS, *[None] * 30],
    "company_course": [{}, {}, {}, None],
    "company_shared_courses": [None, None, {}],
    "iomad_courses": [{"shared": 0}, {"shared": 0}, {"shared": 1}, {"shared": 2}, {"shared": None}, None],
}  # fmt: skip
MEMBERSHIPS: list[tuple[int, ...]] = [(0,), (0,), (0,), (0, 1), (1, 0), (1,), (1, 1), ()]
"""`suspended` of each department that a learner is in."""


def _chosen(table: str, ids: Sequence[Row]) -> st.SearchStrategy[list[Row]]:
    """Some of the rows with `ids`, each in one of its table's variants."""
    variants = st.sampled_from(VARIANTS[table])
    chosen = st.lists(variants, min_size=len(ids), max_size=len(ids))
    return chosen.map(
        lambda each: [{**known, **variant} for known, variant in zip(ids, each, strict=True) if variant is not None]
    )


def _pairs(first: str, firsts: Iterable[int], second: str, seconds: Iterable[int]) -> list[Row]:
    """All pairs of ids: at most one row each, as Moodle's unique indexes have it."""
    return [{first: one, second: two} for one, two in product(firsts, seconds)]


def _memberships(chosen: list[tuple[int, ...]]) -> list[Row]:
    pairs = zip(_pairs("userid", USERS, "companyid", COMPANIES), chosen, strict=True)
    return [{**pair, "suspended": each} for pair, departments in pairs for each in departments]


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Draw a small site: whatever Moodle's own unique indexes allow, with ids that lead nowhere too."""
    members = len(USERS) * len(COMPANIES)
    ids: dict[str, list[Row]] = {
        "user": [make_user(id=each) for each in USERS],
        "company": [make_company(id=each) for each in COMPANIES],
        "course": [make_course(id=each, category=2 if each != SITE_COURSE else 0) for each in COURSES],
        "course_modules": [make_module(id=each, course=course) for each, course in MODULES.items()],
        "modules": [{"id": each} for each in MODULE_TYPES],
        "enrol": [make_enrol(id=each, courseid=course) for each, course in ENROLS.items()],
        "user_enrolments": _pairs("userid", USERS, "enrolid", ENROLS),
        "course_modules_completion": _pairs("userid", USERS, "coursemoduleid", MODULES),
        "course_completions": _pairs("userid", USERS, "course", COURSES),
        "company_course": _pairs("companyid", COMPANIES, "courseid", COURSES),
        "company_shared_courses": _pairs("companyid", COMPANIES, "courseid", COURSES),
        "iomad_courses": [{"courseid": each} for each in COURSES],
    }
    rows = {table: draw(_chosen(table, each)) for table, each in ids.items()}
    departments = draw(st.lists(st.sampled_from(MEMBERSHIPS), min_size=members, max_size=members))
    return make_snapshot(**rows, company_users=_memberships(departments))
