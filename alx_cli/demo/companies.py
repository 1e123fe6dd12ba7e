"""The demo's companies with their departments, and which company has which courses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alx_cli.demo.catalogue import COMPANIES, COURSES, ORDINARY_COMPANIES, CompanyProfile, Trait
from alx_cli.demo.columns import SiteTable
from alx_cli.demo.courses import course_id, courses_with

HOMES = 6
"""Every course belongs to one of the largest companies at least, so that its oddity is seen."""


@dataclass(frozen=True, slots=True)
class Company:
    """A company. Courses are positions in `catalogue.COURSES`; the first department is the company's top one."""

    id: int
    profile: CompanyProfile
    department_ids: tuple[int, ...]
    own_courses: tuple[int, ...]
    shared_courses: tuple[int, ...]

    @property
    def courses(self) -> tuple[int, ...]:
        """Every course it can report: its own, those shared with it, and the open-shared ones."""
        return tuple(sorted({*self.own_courses, *self.shared_courses, *courses_with(Trait.OPEN_SHARED)}))

    @property
    def utc_offset_s(self) -> int:
        """Where its people work, as the offset of their time from UTC; the demo knows no summer time."""
        return self.profile.utc_offset_h * 3_600


def make_companies(dice: np.random.Generator) -> list[Company]:
    """Make all companies: the ordinary ones, the one without learners, the one without courses."""
    shared = _share_courses(dice)
    own = _own_courses(dice, shared)
    companies, next_department = [], 1
    for position, profile in enumerate(COMPANIES):
        department_ids = tuple(range(next_department, next_department + 1 + len(profile.departments)))
        next_department += len(department_ids)
        companies.append(
            Company(position + 1, profile, department_ids, tuple(own[position]), tuple(sorted(shared[position])))
        )
    return companies


def _share_courses(dice: np.random.Generator) -> list[set[int]]:
    """Share each course of SHARED_WITH_SOME with the largest company and three to five others."""
    shared: list[set[int]] = [set() for _ in COMPANIES]
    for course in courses_with(Trait.SHARED_WITH_SOME):
        others = dice.choice(np.arange(1, ORDINARY_COMPANIES), size=int(dice.integers(3, 6)), replace=False)
        for company in (0, *others.tolist()):
            shared[company].add(course)
    return shared


def _own_courses(dice: np.random.Generator, shared: Sequence[set[int]]) -> list[list[int]]:
    """Give each company courses up to the number in its profile; each course a home among the HOMES largest first."""
    elsewhere = {*courses_with(Trait.OPEN_SHARED), *courses_with(Trait.SHARED_WITH_SOME)}
    pool = [course for course in range(len(COURSES)) if course not in {*elsewhere, *courses_with(Trait.NO_COMPANY)}]
    unknown = courses_with(Trait.NO_IOMAD_ROW)
    opened = len(courses_with(Trait.OPEN_SHARED))
    free = [max(0, profile.courses - opened - len(shared[at])) for at, profile in enumerate(COMPANIES)]
    own: list[list[int]] = [[] for _ in COMPANIES]
    for turn, course in enumerate(dice.permutation(pool).tolist()):
        # The first company owns the course IOMAD does not know, others only seem to share it.
        wanted = 0 if course in unknown else turn % HOMES
        home = next(at for at in (*range(wanted, HOMES), *range(wanted)) if free[at] > len(own[at]))
        own[home].append(course)
    for company, courses in enumerate(own):
        others = [course for course in dice.permutation(pool).tolist() if course not in {*courses, *unknown}]
        courses.extend(others[: free[company] - len(courses)])
        courses.sort()
    return own


def company_tables(companies: Sequence[Company]) -> list[SiteTable]:
    """Return `company`, `department`, `company_course` and `company_shared_courses`."""
    company_columns = ["id", "name", "shortname", "code", "city", "country", "lang", "theme", "category"]
    company_columns += ["maincolor", "headingcolor", "linkcolor", "customcss", "hostname", "suspendafter"]
    return [
        ("company", company_columns, [_company_row(company) for company in companies]),
        ("department", ["id", "name", "shortname", "company", "parent"], _department_rows(companies)),
        ("company_course", ["id", "companyid", "courseid", "departmentid"], _company_course_rows(companies)),
        ("company_shared_courses", ["id", "companyid", "courseid"], _shared_course_rows(companies)),
    ]


def _company_row(company: Company) -> tuple[int | str, ...]:
    profile = company.profile
    return (
        company.id, profile.name, profile.shortname, "", profile.city, profile.country, profile.lang, "iomadboost",
        company.id + 1, "", "", "", "", "", 0,
    )  # fmt: skip


def _department_rows(companies: Sequence[Company]) -> list[tuple[int | str, ...]]:
    rows: list[tuple[int | str, ...]] = []
    for company in companies:
        top, *below = company.department_ids
        rows.append((top, company.profile.name, company.profile.shortname, company.id, 0))
        names = zip(below, company.profile.departments, strict=True)
        rows.extend((id_, name, f"{company.profile.shortname}_{id_}", company.id, top) for id_, name in names)
    return rows


def _company_course_rows(companies: Sequence[Company]) -> list[tuple[int, ...]]:
    """company_course is not unique: the courses of LISTED_TWICE stand in it twice."""
    twice = courses_with(Trait.LISTED_TWICE)
    pairs = [
        (company.id, course_id(course), company.department_ids[0])
        for company in companies
        for course in company.own_courses
        for _ in range(2 if course in twice else 1)
    ]
    return [(number, *pair) for number, pair in enumerate(pairs, start=1)]


def _shared_course_rows(companies: Sequence[Company]) -> list[tuple[int, ...]]:
    pairs = [(company.id, course_id(course)) for company in companies for course in company.shared_courses]
    pairs += [
        (company.id, course_id(course)) for company in companies[1:3] for course in courses_with(Trait.NO_IOMAD_ROW)
    ]
    return [(number, *pair) for number, pair in enumerate(pairs, start=1)]
