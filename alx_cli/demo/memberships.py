"""Who is in which company and department: IOMAD's company_users, with its one row per department."""

from collections.abc import Sequence

import numpy as np

from alx_cli.demo.columns import Column, ColumnRows, IntArray, SiteTable
from alx_cli.demo.companies import Company
from alx_cli.demo.learners import NOBODY, Learners, MembershipCases

DEPARTMENT_MANAGER = 2
"""company_users.managertype: 0 is a learner, 1 a company manager, 2 a department manager."""

COLUMNS = ["id", "companyid", "userid", "managertype", "departmentid", "suspended", "educator"]


def membership_table(
    dice: np.random.Generator,
    companies: Sequence[Company],
    learners: Learners,
    *,
    cases: MembershipCases,
    service_userids: Sequence[int],
) -> SiteTable:
    """Return company_users: every learner who is not deleted, and each company's service account.

    A deleted user has none: IOMAD removes the memberships when Moodle says that a user was deleted.
    """
    top = np.array([company.department_ids[0] for company in companies], dtype=np.int64)
    everywhere = np.arange(len(companies), dtype=np.int64)
    service = (everywhere, np.array(service_userids, dtype=np.int64), top, np.zeros_like(everywhere))
    parts = [*_learner_parts(dice, companies, learners, cases=cases, top=top), service]
    company, userid, department, suspended = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((department, company, userid))
    length = len(order)
    managertype = np.where(dice.random(length) < 0.01, DEPARTMENT_MANAGER, 0)
    educator = np.where(dice.random(length) < 0.005, 1, 0)
    ids = np.arange(1, length + 1, dtype=np.int64)
    columns: list[Column] = [
        ids,
        company[order] + 1,
        userid[order],
        managertype,
        department[order],
        suspended[order],
        educator,
    ]
    return "company_users", COLUMNS, ColumnRows(length, columns)


def _learner_parts(
    dice: np.random.Generator,
    companies: Sequence[Company],
    learners: Learners,
    *,
    cases: MembershipCases,
    top: IntArray,
) -> list[tuple[IntArray, IntArray, IntArray, IntArray]]:
    """Return (company, userid, department, suspended) of first, second and second-department memberships."""
    suspended = np.zeros(len(learners), dtype=np.int64)
    suspended[cases.suspended_in_company] = 1
    suspended[cases.suspended_in_both_departments] = 1
    first = np.flatnonzero(learners.deleted_at == 0)
    home = learners.company[first]
    second = np.flatnonzero(learners.second_company != NOBODY)
    other = learners.second_company[second]
    is_suspended_there = np.isin(second, cases.suspended_in_one_of_two_companies).astype(np.int64)
    half, both = cases.suspended_in_one_of_two_departments, cases.suspended_in_both_departments
    twice = np.concatenate([cases.in_two_departments, half, both])
    is_suspended_twice = np.isin(twice, np.concatenate([half, both])).astype(np.int64)
    return [
        (home, learners.userid[first], _choose_department(dice, companies, home), suspended[first]),
        (other, learners.userid[second], _choose_department(dice, companies, other), is_suspended_there),
        # Nobody else of an ordinary company sits in its top department, so the pair is unique.
        (learners.company[twice], learners.userid[twice], top[learners.company[twice]], is_suspended_twice),
    ]


def _choose_department(dice: np.random.Generator, companies: Sequence[Company], company: IntArray) -> IntArray:
    """Draw a department below the top one; a company with none has its people at the top."""
    below = [each.department_ids[1:] or each.department_ids for each in companies]
    first = np.array([ids[0] for ids in below], dtype=np.int64)
    count = np.array([len(ids) for ids in below], dtype=np.int64)
    return first[company] + (dice.random(len(company)) * count[company]).astype(np.int64)
