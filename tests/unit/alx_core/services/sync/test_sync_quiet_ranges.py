"""Learner ranges in which nothing happened are skipped, and no other."""

from collections.abc import Iterator, Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from alx_core.domain.course_rows import CourseRows
from alx_core.domain.learners import MAX_ID, Layout, LearnerRange
from alx_core.domain.sync import Kind
from alx_core.services.sync.listener import Listener
from alx_core.services.sync.source import Digests
from alx_core.store.tables import sync_digests
from support.builders import (
    COMPANY,
    COURSE,
    NOW,
    FrameSource,
    Row,
    make_company,
    make_company_user,
    make_course,
    make_course_completion,
    make_user,
    make_user_enrolment,
)
from support.frame_courses import EDITS, NEXT, catalogue
from support.frame_site import (
    ALL,
    BETA,
    FAIL_BETA,
    HOUR_S,
    IDS,
    WIDTH,
    Site,
    failed_checks,
    figures,
    key,
    two_companies,
    wanted_content,
)
from support.quiet_site import CutOff, Undigested, looked_at, users_changed
from support.reporting_databases import migrated_engine

pytestmark = pytest.mark.slow


def test_ranges_where_nothing_changed_are_skipped_and_reported_all_the_same(quiet: Site) -> None:
    before = quiet.table()
    result = quiet.sync()
    assert looked_at(result) == 0
    assert figures(result) == {"acme": (2, 0, 0, 0, 2, 0), "beta": (2, 0, 0, 0, 2, 0)}
    assert (result.rows_read["user"], result.newest_change) == (3, NOW - 1000)
    assert failed_checks(result) == set()
    assert quiet.table() == before


def test_only_the_range_of_a_change_is_looked_at(quiet: Site) -> None:
    quiet.change(user=users_changed(200))
    quiet.source.scans.clear()
    result = quiet.sync()
    assert looked_at(result) == 1
    assert quiet.source.scans == [[LearnerRange(140, 209)]]
    assert figures(result) == {"acme": (2, 0, 1, 0, 1, 0), "beta": (2, 0, 0, 0, 2, 0)}
    quiet.now += HOUR_S
    assert looked_at(quiet.sync()) == 0


def test_a_rebuild_looks_at_everything_and_the_hour_after_it_at_nothing(quiet: Site) -> None:
    assert looked_at(quiet.sync(Kind.REBUILD)) == 5
    assert looked_at(quiet.sync()) == 0
    assert looked_at(quiet.sync()) == 0


def test_the_first_sync_of_a_day_looks_at_everything(quiet: Site) -> None:
    quiet.now += 86_400
    assert looked_at(quiet.sync()) == 5


@pytest.mark.parametrize("otherwise", ["rules_version = rules_version - 1", "as_of = as_of + 10800"])
def test_what_was_noted_by_other_rules_or_at_a_later_instant_is_not_trusted(quiet: Site, otherwise: str) -> None:
    quiet.execute(f"UPDATE sync_digests SET {otherwise}")
    assert looked_at(quiet.sync()) == 5


def test_a_learner_who_left_is_not_counted_where_the_range_is_looked_at_again(quiet: Site) -> None:
    quiet.change(user_enrolments=[make_user_enrolment(userid=each) for each in IDS if each != 200])
    assert figures(quiet.sync())["acme"] == (1, 0, 0, 1, 1, 0)
    quiet.change(user=users_changed(200))
    result = quiet.sync()
    assert (looked_at(result), figures(result)["acme"]) == (1, (1, 0, 0, 0, 1, 0))


def test_a_range_is_looked_at_when_time_alone_may_have_changed_it(quiet: Site) -> None:
    ends = quiet.now + 5 * HOUR_S
    quiet.change(user_enrolments=[make_user_enrolment(userid=each, timeend=ends * (each == 200)) for each in IDS])
    quiet.sync()
    quiet.now = ends - 1
    assert looked_at(quiet.sync()) == 0
    quiet.now = ends
    result = quiet.sync()
    assert (looked_at(result), result.total("deleted")) == (1, 1)
    assert quiet.live() == ALL - {key(COMPANY, 200)}


def test_rows_that_somebody_took_away_come_back(quiet: Site) -> None:
    quiet.execute("DELETE FROM local_alx_api_reporting WHERE userid = 200")
    assert looked_at(quiet.sync()) == 5
    assert quiet.live() == ALL


def test_a_range_of_a_company_that_failed_is_looked_at_again(quiet: Site) -> None:
    quiet.execute(FAIL_BETA.replace("INSERT", "UPDATE"))
    quiet.change(user=users_changed(200, 300))
    assert quiet.sync().failed == {"beta": "beta is not allowed"}
    quiet.execute("DROP TRIGGER beta_fails")
    quiet.now += HOUR_S
    result = quiet.sync()
    assert (looked_at(result), figures(result)["beta"]) == (1, (2, 0, 1, 0, 1, 0))


def test_a_run_that_breaks_after_planning_leaves_no_digest_that_is_not_true(quiet: Site) -> None:
    """Something changes, the writing is cut off, the change is taken back: the table is right, its digest forgotten."""

    quiet.change(user=users_changed(200))
    quiet.listener = CutOff()
    with pytest.raises(KeyboardInterrupt):
        quiet.sync()
    quiet.listener = Listener()
    quiet.change(user=users_changed())
    result = quiet.sync()
    assert looked_at(result) >= 1
    assert quiet.table()[key(COMPANY, 200)]["firstname"] == "Ada"


def test_a_range_that_changes_while_it_is_read_is_looked_at_again(quiet: Site) -> None:
    class Moving(FrameSource):
        """Changes learner 200, whose range is skipped, once the others were read."""

        def scan(
            self, learners: Sequence[LearnerRange], courses: CourseRows | None = None
        ) -> Iterator[tuple[str, pl.DataFrame]]:
            yield from super().scan(learners, courses)
            self.snapshot = {**self.snapshot, "user": two_companies(user=users_changed(100, 200))["user"]}

    quiet.source = Moving(two_companies(user=users_changed(100)), width=WIDTH, has_digests=True)
    quiet.sync()
    quiet.source = FrameSource(quiet.source.snapshot, width=WIDTH, has_digests=True)
    result = quiet.sync()
    assert looked_at(result) == 1
    assert quiet.table()[key(COMPANY, 200)]["firstname"] == "New"


def test_a_company_that_is_founded_while_a_run_begins_is_not_hidden_by_its_digests(quiet: Site) -> None:
    """It is there when the digests are made, and was not when the companies were read, or the other way round."""
    gamma = 3
    founded = two_companies(
        company=[*two_companies()["company"].to_dicts(), make_company(id=gamma, shortname="gamma")],
        company_users=[*two_companies()["company_users"].to_dicts(), make_company_user(companyid=gamma)],
        company_course=[{"companyid": each, "courseid": COURSE} for each in (COMPANY, BETA, gamma)],
    )

    class Growing(FrameSource):
        calls = 0

        def grow(self) -> None:
            self.calls += 1
            if self.calls == 2:
                self.snapshot = founded

        def companies(self) -> pl.DataFrame:
            self.grow()
            return super().companies()

        def digests(self, layout: Layout, courses: CourseRows | None = None) -> Digests:
            self.grow()
            return super().digests(layout, courses)

    quiet.source = Growing(quiet.source.snapshot, width=WIDTH, has_digests=True)
    quiet.sync()
    quiet.source = FrameSource(founded, width=WIDTH, has_digests=True)
    quiet.sync()
    assert key(gamma, 100) in quiet.live()


def test_ranges_of_another_width_are_looked_at(quiet: Site) -> None:
    quiet.source.width = 200
    result = quiet.sync()
    assert looked_at(result) == result.ranges == 2
    assert looked_at(quiet.sync()) == 0


def test_a_range_with_a_bad_record_is_looked_at_again(quiet: Site) -> None:
    quiet.change(user=[make_user(id=each, firstname="\0" if each == 200 else "Ada") for each in IDS])
    assert quiet.sync().errors == 1
    results = [quiet.sync() for _ in range(2)]
    assert [(result.errors, looked_at(result)) for result in results] == [(1, 1)] * 2
    quiet.change(user=[make_user(id=each, firstname="Ada") for each in IDS])
    assert [(result.errors, looked_at(result)) for result in (quiet.sync(), quiet.sync())] == [(0, 1), (0, 0)]
    assert quiet.content() == wanted_content(quiet.source.snapshot, quiet.now)


def test_a_bad_record_of_nobody_leaves_no_digest_of_the_learners_it_may_hold_back(quiet: Site) -> None:
    """It names a course, whose rows are held for all learners who are looked at beside it."""
    quiet.change(user=users_changed(200), course_completions=[make_course_completion(userid=-1)])
    results = [quiet.sync() for _ in range(2)]
    assert [(result.errors, looked_at(result)) for result in results] == [(1, 2)] * 2
    assert quiet.table()[key(COMPANY, 200)]["firstname"] == "Ada"
    quiet.change(course_completions=[])
    assert [(result.errors, looked_at(result)) for result in (quiet.sync(), quiet.sync())] == [(0, 2), (0, 0)]
    assert quiet.table()[key(COMPANY, 200)]["firstname"] == "New"


def test_ranges_that_lie_apart_are_looked_at_together_and_noted_each_by_itself(quiet: Site) -> None:
    quiet.change(user=users_changed(100, 300))
    quiet.source.scans.clear()
    result = quiet.sync()
    assert quiet.source.scans == [[LearnerRange(70, 139), LearnerRange(280, MAX_ID)]]
    assert (looked_at(result), result.total("updated")) == (2, 3)
    quiet.change(user=users_changed(100))
    result = quiet.sync()
    assert (looked_at(result), result.total("updated")) == (1, 1)
    assert quiet.content() == wanted_content(quiet.source.snapshot, quiet.now)


def test_a_bad_record_of_the_catalogue_lets_no_range_be_skipped(quiet: Site) -> None:
    quiet.change(course=[make_course(fullname="\0")])
    results = [quiet.sync() for _ in range(2)]
    assert [(result.errors, looked_at(result)) for result in results] == [(1, 5)] * 2
    quiet.change(course=[make_course(fullname="Course")])
    assert [(result.errors, looked_at(result)) for result in (quiet.sync(), quiet.sync())] == [(0, 5), (0, 0)]
    assert quiet.content() == wanted_content(quiet.source.snapshot, quiet.now)


def test_a_source_that_cannot_digest_is_always_looked_at_whole(site: Site) -> None:
    site.source = FrameSource(two_companies(), width=WIDTH)
    assert [looked_at(site.sync()) for _ in range(3)] == [5] * 3
    with site.engine.connect() as connection:
        assert connection.execute(select(sync_digests)).all() == []


def test_digests_are_not_asked_for_where_none_that_is_noted_could_be_equal(quiet: Site) -> None:
    quiet.source = Undigested(two_companies(), width=WIDTH, has_digests=True)
    with pytest.raises(AssertionError):
        quiet.sync()
    quiet.sync(Kind.REBUILD)
    quiet.now += 86_400
    assert looked_at(quiet.sync()) == 5


def test_an_hourly_sync_of_one_company_does_not_hide_a_change_from_the_others(quiet: Site) -> None:
    quiet.change(user=users_changed(100))
    quiet.sync(shortnames=("beta",))
    quiet.now += HOUR_S
    quiet.sync()
    assert {quiet.table()[key(each, 100)]["firstname"] for each in (COMPANY, BETA)} == {"New"}


steps = st.lists(
    st.tuples(
        st.sampled_from(["user", "enrolment", "completion", "course", *EDITS, "nothing", "rebuild"]),
        st.sampled_from(IDS),
    ),
    max_size=5,
)


def change_of(what: str, userid: int, turn: int) -> dict[str, list[Row]]:
    match what:
        case "user":
            return {"user": [make_user(id=each, firstname=f"{turn}" if each == userid else "Ada") for each in IDS]}
        case "enrolment":
            return {"user_enrolments": [make_user_enrolment(userid=each) for each in IDS if each != userid]}
        case "completion":
            return {"course_completions": [make_course_completion(userid=userid, timecompleted=NOW - turn)]}
        case "course":
            return {"course": [make_course(fullname=f"Course {turn}"), make_course(id=NEXT)]}
    return EDITS[what][1] if what in EDITS else {}


@pytest.mark.slow
@settings(max_examples=4)
@given(plan=steps)
def test_hours_that_skip_quiet_ranges_end_where_the_rules_say(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("hours")
    with migrated_engine("sqlite", folder) as engine:
        source = FrameSource(two_companies(), width=WIDTH, has_digests=True)
        site = Site(engine, folder, source, now=NOW - NOW % 86_400)
        site.change(**catalogue())
        site.sync()
        for turn, (what, userid) in enumerate([("nothing", 100), *plan]):
            site.change(**change_of(what, userid, turn))
            site.sync(Kind.REBUILD if what == "rebuild" else Kind.HOURLY)
            assert site.content() == wanted_content(source.snapshot, site.now)
