"""A company that is founded or deleted makes the ranges of its members be looked at, and no other."""

import pytest

from alx_core.services.sync import edited
from alx_core.services.sync.listener import Listener
from support.builders import COMPANY, COURSE, Row, make_company, make_company_user
from support.frame_courses import EDITS, catalogue
from support.frame_site import BETA, WIDTH, Site, two_companies, wanted_content
from support.quiet_site import CutOff, looked_at

pytestmark = pytest.mark.slow

GAMMA = 3
FOUNDED = [*two_companies()["company"].to_dicts(), make_company(id=GAMMA, shortname="gamma")]
MEMBERS = [*two_companies()["company_users"].to_dicts(), make_company_user(userid=200, companyid=GAMMA)]
COURSES = [*catalogue()["company_course"], {"companyid": GAMMA, "courseid": COURSE}]


@pytest.fixture
def site(courses: Site) -> Site:
    """A site in which learner 200 is a member of a company that there is not yet, and which has a course."""
    courses.change(company_users=MEMBERS, company_course=COURSES)
    courses.sync()
    return courses


def assert_right(site: Site) -> None:
    assert site.content() == wanted_content(site.source.snapshot, site.now)


@pytest.mark.parametrize(
    ("ranges", "edit"),
    [
        (1, {"company": FOUNDED}),
        (0, {"company": [*two_companies()["company"].to_dicts(), make_company(id=9, shortname="nobody's")]}),
        (2, {"company": [make_company()]}),
        (2, {"company": [make_company(id=BETA, shortname="beta")]}),
        (2, {"company": [make_company()], "company_users": [each for each in MEMBERS if each["companyid"] != BETA]}),
        (3, {"company": [FOUNDED[0], FOUNDED[2]]}),
    ],
    ids=["founded", "founded without members", "deleted", "the other one", "with its members", "one of each"],
)
def test_the_ranges_of_its_members_are_looked_at(site: Site, ranges: int, edit: dict[str, list[Row]]) -> None:
    site.change(**edit)
    assert [looked_at(site.sync()) for _ in range(2)] == [ranges, 0]
    assert_right(site)
    site.change(company=two_companies()["company"].to_dicts(), company_users=MEMBERS)
    assert [looked_at(site.sync()) for _ in range(2)] == [ranges, 0]
    assert_right(site)


def test_its_names_are_in_no_row_and_no_range_is_looked_at_for_them(site: Site) -> None:
    site.change(company=[make_company(name="Other", suspended=1), make_company(id=BETA, shortname="beta")])
    assert looked_at(site.sync()) == 0
    assert [(each["name"], each["suspended"]) for each in site.companies().values()] == [("Other", 1), ("Acme", 0)]


@pytest.mark.parametrize(("most", "scans"), [(1, [[300], [200]]), (0.25, [[200, 300]]), (0.1, [[200, 300]])])
def test_of_a_course_that_is_edited_in_the_same_hour_the_rows_are_read_alone_if_they_are_few(
    site: Site, monkeypatch: pytest.MonkeyPatch, most: float, scans: list[list[int]]
) -> None:
    """Learner 300 takes the course, 200 is in the company."""
    monkeypatch.setattr(edited, "MOST_ALONE", most)
    site.change(**EDITS["a title"][1], company=FOUNDED)
    site.source.scans.clear()
    assert looked_at(site.sync()) == 2
    layout = site.source.layout(0)
    assert site.source.scans == [[layout.range_at(each // WIDTH) for each in scan] for scan in scans]
    assert len(site.source.courses_scanned) == len(scans) - 1
    assert_right(site)


def test_a_range_of_both_is_looked_at_whole(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edited, "MOST_ALONE", 1)
    site.change(**EDITS["a title"][1], company=[make_company()])
    assert looked_at(site.sync()) == 2
    assert site.source.courses_scanned == []
    assert_right(site)


def test_more_companies_than_are_looked_up_make_every_range_be_looked_at(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edited, "MOST_LOOKED_UP", 1)
    site.change(company=[FOUNDED[0], FOUNDED[2]])
    assert looked_at(site.sync()) == 5
    assert_right(site)


@pytest.mark.parametrize("shortname", ["acme", "gamma"])
def test_one_that_was_founded_is_not_hidden_by_the_sync_of_one_company(site: Site, shortname: str) -> None:
    site.change(company=FOUNDED)
    site.sync(shortnames=(shortname,))
    site.sync()
    assert_right(site)


def test_a_run_that_breaks_after_one_was_deleted_looks_at_its_members_again(site: Site) -> None:
    """It is back after the run: by the companies alone nothing would have changed."""
    site.change(company=[make_company(id=COMPANY)])
    site.listener = CutOff()
    with pytest.raises(KeyboardInterrupt):
        site.sync()
    site.listener = Listener()
    site.change(company=two_companies()["company"].to_dicts())
    site.sync()
    assert_right(site)
