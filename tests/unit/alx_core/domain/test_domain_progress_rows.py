"""Which rows exist, clause by clause on a site of one learner."""

import pytest

from alx_core.domain.progress import reporting_rows
from support.builders import (
    COMPANY,
    COURSE,
    KEY_OF_DEFAULT,
    LEARNER,
    NOW,
    Row,
    make_company,
    make_company_user,
    make_course,
    make_enrol,
    make_snapshot,
    make_user,
    make_user_enrolment,
)
from support.progress import OTHER_COMPANY, OTHER_COURSE, OTHER_ENROL, OTHER_LEARNER, TWO_WAYS, done, keys

# --- membership ---


def test_someone_who_is_in_no_company_has_no_row() -> None:
    assert keys(company_users=[]) == []


def test_several_departments_are_one_membership() -> None:
    assert keys(company_users=[make_company_user(), make_company_user()]) == [KEY_OF_DEFAULT]


@pytest.mark.parametrize("departments", [(0, 1), (1, 0), (1, 0, 1)])
def test_a_membership_that_is_suspended_in_some_departments_counts(departments: tuple[int, ...]) -> None:
    assert keys(company_users=[make_company_user(suspended=each) for each in departments]) == [KEY_OF_DEFAULT]


@pytest.mark.parametrize("departments", [(1,), (1, 1)])
def test_a_membership_that_is_suspended_in_all_departments_does_not_count(departments: tuple[int, ...]) -> None:
    assert keys(company_users=[make_company_user(suspended=each) for each in departments]) == []


def test_a_learner_of_two_companies_that_have_the_course_has_a_row_in_each() -> None:
    found = keys(
        company=[make_company(), make_company(id=OTHER_COMPANY)],
        company_users=[make_company_user(), make_company_user(companyid=OTHER_COMPANY)],
        company_course=[{"companyid": each, "courseid": COURSE} for each in (COMPANY, OTHER_COMPANY)],
    )
    assert found == [KEY_OF_DEFAULT, (OTHER_COMPANY, LEARNER, COURSE)]


def test_a_suspension_in_one_company_leaves_the_other_alone() -> None:
    found = keys(
        company=[make_company(), make_company(id=OTHER_COMPANY)],
        company_users=[make_company_user(suspended=1), make_company_user(companyid=OTHER_COMPANY)],
        company_course=[{"companyid": each, "courseid": COURSE} for each in (COMPANY, OTHER_COMPANY)],
    )
    assert found == [(OTHER_COMPANY, LEARNER, COURSE)]


@pytest.mark.parametrize("overrides", [{"deleted": 1}, {"suspended": 1}, {"deleted": 1, "suspended": 1}])
def test_a_user_that_is_deleted_or_suspended_has_no_row(overrides: Row) -> None:
    assert keys(user=[make_user(**overrides)]) == []


def test_a_user_whose_record_is_gone_has_no_row() -> None:
    assert keys(user=[make_user(id=OTHER_LEARNER)]) == []


def test_members_of_a_company_whose_record_is_gone_have_no_row() -> None:
    assert keys(company=[]) == []


def test_only_the_companies_asked_for_have_rows() -> None:
    snapshot = make_snapshot(
        company=[make_company(), make_company(id=OTHER_COMPANY)],
        company_users=[make_company_user(), make_company_user(companyid=OTHER_COMPANY)],
        company_course=[{"companyid": each, "courseid": COURSE} for each in (COMPANY, OTHER_COMPANY)],
    )
    assert reporting_rows(snapshot, as_of=NOW, companyids=[OTHER_COMPANY])["companyid"].to_list() == [OTHER_COMPANY]
    assert reporting_rows(snapshot, as_of=NOW, companyids=()).is_empty()


# --- courses ---


def test_a_course_that_the_company_does_not_have_gives_no_row() -> None:
    assert keys(company_course=[]) == []
    assert keys(company_course=[{"companyid": OTHER_COMPANY, "courseid": COURSE}]) == []


def test_a_course_that_stands_twice_in_the_company_gives_one_row() -> None:
    assert keys(company_course=[{"companyid": COMPANY, "courseid": COURSE}] * 2) == [KEY_OF_DEFAULT]


def test_an_open_shared_course_belongs_to_every_company() -> None:
    found = keys(
        company=[make_company(), make_company(id=OTHER_COMPANY)],
        company_users=[make_company_user(), make_company_user(companyid=OTHER_COMPANY)],
        company_course=[],
        iomad_courses=[{"courseid": COURSE, "shared": 1}],
    )
    assert found == [KEY_OF_DEFAULT, (OTHER_COMPANY, LEARNER, COURSE)]


@pytest.mark.parametrize("shared", [0, 2, None])
def test_a_course_that_is_not_open_shared_belongs_to_no_company_by_that(shared: int | None) -> None:
    assert keys(company_course=[], iomad_courses=[{"courseid": COURSE, "shared": shared}]) == []


def test_a_course_shared_with_one_company_belongs_to_that_one_alone() -> None:
    found = keys(
        company=[make_company(), make_company(id=OTHER_COMPANY)],
        company_users=[make_company_user(), make_company_user(companyid=OTHER_COMPANY)],
        company_course=[],
        company_shared_courses=[{"companyid": OTHER_COMPANY, "courseid": COURSE}],
        iomad_courses=[{"courseid": COURSE, "shared": 2}],
    )
    assert found == [(OTHER_COMPANY, LEARNER, COURSE)]


def test_a_course_that_iomad_does_not_know_is_shared_with_nobody() -> None:
    shared_with = [{"companyid": COMPANY, "courseid": COURSE}]
    assert keys(company_course=[], company_shared_courses=shared_with, iomad_courses=[]) == []


def test_a_course_that_the_company_owns_needs_no_iomad_record() -> None:
    assert keys(iomad_courses=[]) == [KEY_OF_DEFAULT]


def test_a_course_that_is_owned_open_and_shared_gives_one_row() -> None:
    found = keys(
        company_shared_courses=[{"companyid": COMPANY, "courseid": COURSE}],
        iomad_courses=[{"courseid": COURSE, "shared": 1}],
    )
    assert found == [KEY_OF_DEFAULT]


def test_a_hidden_course_gives_no_row() -> None:
    assert keys(course=[make_course(visible=0)]) == []


def test_the_site_course_gives_no_row() -> None:
    assert keys(course=[make_course(category=0)]) == []


def test_a_course_whose_record_is_gone_gives_no_row() -> None:
    assert keys(course=[]) == []


# --- enrolments ---


@pytest.mark.parametrize(
    ("timestart", "timeend"),
    [(0, 0), (NOW, 0), (NOW - 1, 0), (0, NOW + 1), (NOW, NOW + 1), (NOW - 9, NOW + 9)],
)
def test_an_enrolment_that_has_begun_and_not_ended_is_active(timestart: int, timeend: int) -> None:
    assert keys(user_enrolments=[make_user_enrolment(timestart=timestart, timeend=timeend)]) == [KEY_OF_DEFAULT]


@pytest.mark.parametrize(
    ("timestart", "timeend"),
    [
        (NOW + 1, 0),
        (NOW + 1, NOW + 2),
        (0, NOW),
        (0, NOW - 1),
        (NOW, NOW),
        (NOW - 1, NOW - 2),  # an end before its start
        (NOW + 2, NOW + 1),
    ],
)
def test_an_enrolment_that_has_not_begun_or_has_ended_is_not_active(timestart: int, timeend: int) -> None:
    assert keys(user_enrolments=[make_user_enrolment(timestart=timestart, timeend=timeend)]) == []


def test_a_suspended_enrolment_is_not_active() -> None:
    assert keys(user_enrolments=[make_user_enrolment(status=1)]) == []


def test_an_enrolment_by_a_way_that_is_switched_off_is_not_active() -> None:
    assert keys(enrol=[make_enrol(status=1)]) == []


def test_an_enrolment_by_a_way_that_is_gone_is_not_active() -> None:
    assert keys(enrol=[]) == []


def test_someone_who_is_not_enrolled_has_no_row() -> None:
    assert keys(user_enrolments=[], course_modules_completion=done(2)) == []


def test_the_account_for_visitors_is_enrolled_nowhere() -> None:
    assert keys(user=[make_user(username="guest")]) == []
    assert keys(user=[make_user(username="guest2")]) == [KEY_OF_DEFAULT]


def test_an_enrolment_counts_for_its_own_course_alone() -> None:
    found = keys(
        course=[make_course(), make_course(id=OTHER_COURSE)],
        company_course=[{"companyid": COMPANY, "courseid": each} for each in (COURSE, OTHER_COURSE)],
        enrol=[make_enrol(courseid=OTHER_COURSE)],
    )
    assert found == [(COMPANY, LEARNER, OTHER_COURSE)]


def test_two_active_enrolments_in_one_course_give_one_row() -> None:
    found = keys(enrol=TWO_WAYS, user_enrolments=[make_user_enrolment(), make_user_enrolment(enrolid=OTHER_ENROL)])
    assert found == [KEY_OF_DEFAULT]


@pytest.mark.parametrize("inactive", [{"status": 1}, {"timestart": NOW + 1}, {"timeend": NOW - 1}])
@pytest.mark.parametrize("active", TWO_WAYS)
def test_one_active_enrolment_of_two_is_enough(inactive: Row, active: Row) -> None:
    enrolments = [make_user_enrolment(enrolid=way["id"], **({} if way is active else inactive)) for way in TWO_WAYS]
    assert keys(enrol=TWO_WAYS, user_enrolments=enrolments) == [KEY_OF_DEFAULT]


def test_time_alone_lets_a_row_appear_and_vanish() -> None:
    period = [make_user_enrolment(timestart=NOW, timeend=NOW + 10)]
    instants = (NOW - 1, NOW, NOW + 9, NOW + 10)
    assert [len(keys(as_of=each, user_enrolments=period)) for each in instants] == [0, 1, 1, 0]
