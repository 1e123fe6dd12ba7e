"""A course that changes makes the ranges of its learners be looked at, and no other."""

from collections.abc import Iterator, Sequence

import polars as pl
import pytest

from alx_core.domain.course_rows import CourseRows
from alx_core.domain.learners import LearnerRange
from alx_core.domain.sync import Kind
from alx_core.services.sync import edited
from alx_core.services.sync.listener import Listener
from support.builders import COMPANY, FrameSource, Row, make_course, make_enrol
from support.frame_courses import EDITS, catalogue
from support.frame_site import WIDTH, Site, key, two_companies, wanted_content
from support.quiet_site import CutOff, Undigested, looked_at, users_changed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("ranges", "edit"), EDITS.values(), ids=EDITS.keys())
def test_the_ranges_of_who_has_to_do_with_a_course_that_changed_are_looked_at(
    courses: Site, ranges: int, edit: dict[str, list[Row]]
) -> None:
    courses.change(**edit)
    results = [courses.sync() for _ in range(2)]
    assert [looked_at(result) for result in results] == [ranges, 0]
    read = {name: frame.height for name, frame in courses.source.snapshot.items()}
    assert [{name: result.rows_read[name] for name in read} for result in results] == [read] * 2
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)
    courses.change(**catalogue())
    assert [looked_at(courses.sync()) for _ in range(2)] == [ranges, 0]
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)


def test_what_belongs_to_no_course_or_company_makes_every_range_be_looked_at(courses: Site) -> None:
    courses.change(modules=[{"id": 5, "visible": 0}])
    assert [looked_at(courses.sync()) for _ in range(2)] == [5, 0]
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)


@pytest.mark.parametrize(
    "edit",
    [
        {"course": [*catalogue()["course"], make_course(id=98), make_course(id=99)]},
        {"enrol": [*catalogue()["enrol"], *(make_enrol(id=each, courseid=99) for each in (7, 8))]},
    ],
)
def test_more_than_is_looked_up_makes_every_range_be_looked_at(
    courses: Site, monkeypatch: pytest.MonkeyPatch, edit: dict[str, list[Row]]
) -> None:
    monkeypatch.setattr(edited, "MOST_LOOKED_UP", 1)
    courses.change(**edit)
    assert [looked_at(courses.sync()) for _ in range(2)] == [5, 0]


def test_a_course_of_nobody_with_a_bad_record_is_told_of_each_hour(courses: Site) -> None:
    courses.change(course=[*catalogue()["course"], make_course(id=99, fullname="\0")])
    assert [(result.errors, looked_at(result)) for result in (courses.sync(), courses.sync())] == [(1, 5)] * 2


def test_a_run_that_breaks_after_a_course_changed_looks_at_its_learners_again(courses: Site) -> None:
    """The change is taken back after the run: by the catalogue alone nothing would have changed."""
    courses.change(**EDITS["a title"][1])
    courses.listener = CutOff()
    with pytest.raises(KeyboardInterrupt):
        courses.sync()
    courses.listener = Listener()
    courses.change(**catalogue())
    courses.sync()
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)


def test_ranges_that_were_judged_by_a_later_catalogue_are_looked_at_again(courses: Site) -> None:
    """A title changes between the look at the catalogue and the reading, and is then changed back."""

    class Edited(FrameSource):
        def scan(
            self, learners: Sequence[LearnerRange], courses: CourseRows | None = None
        ) -> Iterator[tuple[str, pl.DataFrame]]:
            self.snapshot = {**self.snapshot, "course": two_companies(**EDITS["everybody's course"][1])["course"]}
            yield from super().scan(learners, courses)

    original = courses.source.snapshot
    courses.source = Edited(
        {**original, "user": two_companies(user=users_changed(200))["user"]}, width=WIDTH, has_digests=True
    )
    courses.sync()
    assert courses.content()[key(COMPANY, 200)][1] == "Other"
    courses.source = FrameSource(
        {**courses.source.snapshot, "course": original["course"]}, width=WIDTH, has_digests=True
    )
    assert looked_at(courses.sync()) == 1
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)


def test_a_course_that_changed_is_not_hidden_by_the_sync_of_one_company(courses: Site) -> None:
    courses.change(**EDITS["everybody's course"][1])
    courses.sync(shortnames=("beta",))
    courses.sync()
    assert courses.content() == wanted_content(courses.source.snapshot, courses.now)


def test_digests_are_not_asked_for_where_most_ranges_have_to_do_with_what_changed(courses: Site) -> None:
    courses.source = Undigested(courses.source.snapshot, width=60, has_digests=True)  # now three ranges of six
    courses.sync(Kind.REBUILD)
    courses.change(**EDITS["everybody's course"][1])
    with pytest.raises(AssertionError):
        courses.sync()
    courses.source.width = 100  # now three ranges of four
    courses.sync(Kind.REBUILD)
    courses.change(**catalogue())
    assert looked_at(courses.sync()) == 4
