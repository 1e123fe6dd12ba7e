"""Bad records: each holds back its own rows and no others, and is counted."""

import pytest
from sqlalchemy import select

from alx_core.store.alert_sources import newest_errors
from alx_core.store.tables import sync_errors
from support.builders import (
    COMPANY,
    COURSE,
    FrameSource,
    make_company,
    make_course,
    make_enrol,
    make_module,
    make_module_completion,
    make_user,
    make_user_enrolment,
)
from support.frame_site import ALL, BETA, IDS, WIDTH, Site, failed_checks, figures, key, two_companies


def test_a_bad_record_holds_back_its_learner_and_no_other(site: Site) -> None:
    site.sync()
    before = site.table()
    users = [make_user(id=each, firstname="New") for each in IDS]
    site.change(
        user=users, user_enrolments=[make_user_enrolment(userid=each, timeend=-1 if each == 100 else 0) for each in IDS]
    )
    result = site.sync()
    unchanged = {each for each, row in site.table().items() if row == before[each]}
    assert {(COMPANY, 100), (BETA, 100)} == {each[:2] for each in unchanged}
    assert result.errors == 1
    assert figures(result)["acme"][-1] == figures(result)["beta"][-1] == 1
    assert result.error_rate == pytest.approx(1 / 3)
    with site.engine.connect() as connection:
        (booked,) = connection.execute(select(sync_errors)).mappings().all()
    assert (booked["source_table"], booked["source_column"], booked["reason"], booked["userid"]) == (
        "user_enrolments",
        "timeend",
        "not_a_number",
        100,
    )


def test_a_bad_record_that_is_mended_is_taken_up(site: Site) -> None:
    users = [make_user(id=each, firstname="\0" if each == 200 else "Ada") for each in IDS]
    site.source.snapshot = two_companies(user=users)
    site.sync()
    assert site.live() == ALL - {key(COMPANY, 200)}
    site.change(user=[make_user(id=each) for each in IDS])
    site.sync()
    assert site.live() == ALL


def test_every_bad_record_is_counted_and_booked(site: Site) -> None:
    bad = [make_module_completion(coursemoduleid=each, timemodified=-1) for each in (1, 2)]
    site.source.snapshot = two_companies(course_modules_completion=bad)
    result = site.sync()
    with site.engine.connect() as connection:
        booked = connection.execute(select(sync_errors)).all()
    assert (result.errors, len(booked)) == (2, 2)


def test_bad_records_of_the_catalogue_are_counted_once_however_many_ranges_see_them(site: Site) -> None:
    site.source = FrameSource(two_companies(enrol=[make_enrol(id=-1), make_enrol(id=-2)]), width=WIDTH)
    result = site.sync()
    assert (result.ranges, result.errors) == (5, 2)
    with site.engine.connect() as connection:
        assert len(connection.execute(select(sync_errors)).all()) == 2


def test_a_record_that_names_nothing_holds_every_row_of_every_company(site: Site) -> None:
    site.sync()
    before = site.table()
    site.change(course_modules=[make_module(course=-1)], user=[make_user(id=each, firstname="New") for each in IDS])
    result = site.sync()
    assert site.table() == before
    assert [each.errors for each in result.companies] == [1, 1]
    assert result.error_rate == 1


def test_the_books_count_a_bad_record_of_two_companies_once_as_the_run_does(site: Site) -> None:
    """The page and the alert work the share out from the books."""
    site.change(user=[make_user(id=100, firstname="\0"), make_user(id=200), make_user(id=300)])
    result = site.sync()
    run = site.runs()[-1]
    assert (run["errors"], run["processed"]) == (1, 3)
    assert run["errors"] / run["processed"] == result.error_rate
    assert [each.errors for each in result.companies] == [1, 1]
    with site.engine.connect() as connection:
        judged = newest_errors(connection)
    assert judged is not None
    assert (judged.errors, judged.processed) == (1, 3)


def test_a_bad_membership_raises_no_alarm_in_the_learners_other_company(site: Site) -> None:
    """The learner's rows are held in both companies; the record names one."""
    site.sync()
    memberships = two_companies()["company_users"].to_dicts()
    memberships[0]["suspended"] = -1  # learner 100 in acme
    site.change(company_users=memberships)
    assert failed_checks(site.sync()) == set()


def test_a_bad_record_of_an_open_shared_course_raises_no_alarm(site: Site) -> None:
    """The course's rows are held in every company, not only in those that own it."""
    shared = {"company_course": [], "iomad_courses": [{"courseid": COURSE, "shared": 1}]}
    site.source.snapshot = two_companies(**shared)
    site.sync()
    site.change(course=[make_course(fullname="\0")])
    assert failed_checks(site.sync()) == set()


@pytest.mark.parametrize("column", ["name", "shortname"])
def test_a_nul_in_a_companys_name_does_not_end_the_run(site: Site, column: str) -> None:
    site.change(company=[make_company(**{column: "a\0b"}), make_company(id=BETA, shortname="beta")])
    assert site.sync().errors == 1
    assert site.live() == {key(BETA, 100), key(BETA, 300)}


@pytest.mark.slow
@pytest.mark.parametrize("column", ["name", "shortname"])
def test_a_nul_in_a_companys_name_does_not_end_the_run_on_postgresql(postgresql: Site, column: str) -> None:
    postgresql.change(company=[make_company(**{column: "a\0b"}), make_company(id=BETA, shortname="beta")])
    assert postgresql.sync().errors == 1
    assert postgresql.live() == {key(BETA, 100), key(BETA, 300)}
