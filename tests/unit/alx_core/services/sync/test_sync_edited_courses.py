"""Of ranges in which nothing but courses has changed, the rows about these courses alone are read and compared."""

from collections.abc import Callable, Iterator, Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alx_core.domain.course_rows import CourseRows
from alx_core.domain.learners import LearnerRange
from alx_core.domain.progress import LEARNER_TABLES, Snapshot
from alx_core.domain.sync import SyncResult
from alx_core.services.sync import edited
from support.builders import (
    COMPANY,
    COURSE,
    MODULE,
    NOW,
    FrameSource,
    Row,
    make_course,
    make_course_completion,
    make_module,
    make_module_completion,
    make_user,
)
from support.frame_courses import EDITS, NEXT, catalogue
from support.frame_site import BETA, FAIL_BETA, HOUR_S, IDS, WIDTH, Diary, Site, key, two_companies, wanted_content
from support.quiet_site import looked_at, users_changed
from support.random_sites import snapshots
from support.reporting_databases import migrated_engine

pytestmark = pytest.mark.slow

TITLES: dict[str, list[Row]] = {"course": [make_course(fullname="Other"), make_course(id=NEXT, fullname="Other")]}
"""Both courses have another title."""


@pytest.fixture(autouse=True)
def _any_share(courses: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much of the few rows is the courses'."""
    monkeypatch.setattr(edited, "MOST_ALONE", 1)
    courses.source = FrameSource(courses.source.snapshot, width=WIDTH, has_digests=True)


class Later(FrameSource):
    """A Moodle in which something happens just before rows about courses are read."""

    def __init__(self, site: Site, happens: Callable[[Snapshot], Snapshot]) -> None:
        super().__init__(site.source.snapshot, width=WIDTH, has_digests=True)
        self.happens = happens

    def scan(
        self, learners: Sequence[LearnerRange], courses: CourseRows | None = None
    ) -> Iterator[tuple[str, pl.DataFrame]]:
        if courses:
            self.snapshot = self.happens(self.snapshot)
        yield from super().scan(learners, courses)


def has_rows_of(result: SyncResult, site: Site) -> bool:
    """Whether what a sync tells of each company is what the table holds."""
    held = {companyid: rows for companyid, rows in result.table.rows.items() if rows}
    told = {each.companyid: each.rows for each in result.companies if each.rows}
    return told == held and sum(held.values()) == len(site.live())


@pytest.mark.parametrize(("ranges", "edit"), EDITS.values(), ids=EDITS.keys())
def test_an_edit_is_found_by_the_rows_about_its_courses(courses: Site, ranges: int, edit: dict[str, list[Row]]) -> None:
    before = courses.sync()
    for each in (edit, catalogue()):
        courses.source.scans.clear()
        courses.source.courses_scanned.clear()
        courses.change(**each)
        result = courses.sync()
        assert len(courses.source.scans) == len(courses.source.courses_scanned) == bool(ranges)
        assert looked_at(result) == ranges
        assert courses.content() == wanted_content(courses.source.snapshot, courses.now)
        assert has_rows_of(result, courses)
        again = courses.sync()
        assert (looked_at(again), has_rows_of(again, courses)) == (0, True)
        assert (result.newest_change, again.newest_change) == (before.newest_change,) * 2


def test_rows_of_other_courses_are_neither_read_nor_compared(courses: Site) -> None:
    courses.execute(f"UPDATE local_alx_api_reporting SET firstname = 'Eve' WHERE courseid = {COURSE}")
    courses.change(**EDITS["a title"][1])
    assert [result.total("updated") for result in (courses.sync(), courses.sync())] == [1, 0]
    (rows,) = courses.source.courses_scanned
    assert rows.courseids == {NEXT}


def test_a_range_whose_rows_have_changed_meanwhile_is_looked_at_whole(courses: Site) -> None:
    """Learner 200 gets another name after the digests were taken, and loses it again after the run."""
    courses.change(**TITLES)
    courses.source = Later(courses, lambda now: {**now, "user": two_companies(user=users_changed(200))["user"]})
    result = courses.sync()
    assert len(courses.source.scans) == 2
    assert courses.source.scans[-1] == [courses.source.layout(0).range_at(200 // WIDTH)]
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)
    assert has_rows_of(result, courses)
    courses.source = FrameSource(
        {**courses.source.snapshot, "user": two_companies()["user"]}, width=WIDTH, has_digests=True
    )
    assert [looked_at(courses.sync()) for _ in range(2)] == [1, 0]
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)


@pytest.mark.parametrize("table", LEARNER_TABLES)
def test_a_row_that_goes_meanwhile_has_its_range_looked_at_whole(courses: Site, table: str) -> None:
    learner = "id" if table == "user" else "userid"
    courses.change(course_completions=[make_course_completion(userid=300)])
    courses.sync()
    courses.change(**TITLES)
    courses.source = Later(courses, lambda now: {**now, table: now[table].filter(pl.col(learner) != 300)})
    courses.sync()
    assert len(courses.source.scans[-1]) == 1
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)


def test_courses_that_are_edited_once_more_meanwhile_have_their_ranges_looked_at_whole(courses: Site) -> None:
    """An activity comes whose completions were not asked for."""
    done = [make_module_completion(userid=100, coursemoduleid=each) for each in (MODULE, 8)]
    courses.change(course_modules_completion=done)
    courses.sync()
    more = two_companies(course_modules=[*catalogue()["course_modules"], make_module(id=8)])["course_modules"]
    courses.change(**TITLES)
    courses.source = Later(courses, lambda now: {**now, "course_modules": more})
    courses.sync()
    assert courses.content()[key(COMPANY, 100)][-1] == 100
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)
    courses.source = FrameSource(courses.source.snapshot, width=WIDTH, has_digests=True)
    assert [looked_at(courses.sync()) for _ in range(2)] == [3, 0]


def test_a_bad_record_that_comes_meanwhile_is_reported_and_holds_its_learner(courses: Site) -> None:
    before = courses.content()
    courses.change(**TITLES)
    bad = [make_user(id=each, username=f"u{each}", deleted=-1 if each == 200 else 0) for each in IDS]
    courses.source = Later(courses, lambda now: {**now, "user": two_companies(user=bad)["user"]})
    assert courses.sync().errors == 1
    assert courses.content()[key(COMPANY, 200)] == before[key(COMPANY, 200)]
    assert courses.content()[key(COMPANY, 100)][1] == "Other"


def test_what_else_has_changed_is_looked_at_whole_in_the_same_run(courses: Site) -> None:
    courses.change(**TITLES, user=users_changed(100))
    diary = courses.listener = Diary()
    result = courses.sync()
    assert (looked_at(result), len(courses.source.courses_scanned)) == (3, 1)
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)
    assert diary.notes[:2] == [("read", 2, 3), ("read", 3, 3)]
    assert looked_at(courses.sync()) == 0


def test_where_everything_is_read_the_courses_are_not_read_alone(
    courses: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edited, "WHOLE_SHARE", 0.4)
    courses.change(**TITLES, user=users_changed(100, 200))  # two ranges of five
    courses.sync()
    assert courses.source.courses_scanned == []
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)


def test_courses_that_are_a_great_part_of_all_rows_are_not_read_alone(
    courses: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edited, "MOST_ALONE", 0.25)
    courses.change(**EDITS["a title"][1])  # of a fifth of the rows in the table, and half of its learner's in Moodle
    assert looked_at(courses.sync()) == 1
    assert courses.source.courses_scanned == []
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)


def test_more_activities_than_are_looked_up_are_not_read_alone(courses: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edited, "MOST_LOOKED_UP", 1)
    courses.change(**EDITS["an activity"][1])
    assert looked_at(courses.sync()) == 1
    assert courses.source.courses_scanned == []
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)


def test_ranges_of_a_company_that_could_not_be_written_are_looked_at_again(courses: Site) -> None:
    courses.change(**TITLES)
    courses.execute(FAIL_BETA.replace("INSERT", "UPDATE"))
    assert courses.sync().failed
    courses.execute("DROP TRIGGER beta_fails")
    assert [looked_at(courses.sync()) for _ in range(2)] == [2, 0]
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)


def test_an_edit_is_not_hidden_by_the_sync_of_one_company(courses: Site) -> None:
    courses.change(**TITLES)
    assert {each.companyid for each in courses.sync(shortnames=("beta",)).companies} == {BETA}
    assert courses.content()[key(COMPANY, 200)][1] != "Other" == courses.content()[key(BETA, 300)][1]
    courses.sync()
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)


@settings(max_examples=10)
@given(
    before=snapshots(),
    after=snapshots(),
    names=st.sets(st.sampled_from(["course", "course_modules", "enrol", "company_course", "iomad_courses"])),
    width=st.sampled_from([1, 2, 51]),
)
def test_whatever_is_edited_the_table_ends_as_the_rules_say(
    tmp_path_factory: pytest.TempPathFactory, before: Snapshot, after: Snapshot, names: set[str], width: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with migrated_engine("sqlite", folder) as engine:
        site = Site(engine, folder, FrameSource(before, width=width, has_digests=True), now=NOW - NOW % 86_400 + HOUR_S)
        site.sync()
        site.source.snapshot = {**before, **{name: after[name] for name in names}}
        site.now += HOUR_S
        result = site.sync()
        assert site.content() == wanted_content(site.source.snapshot, site.now)
        assert has_rows_of(result, site)
        assert looked_at(site.sync()) == 0
