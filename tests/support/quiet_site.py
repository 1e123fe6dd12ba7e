"""A Moodle of frames that tells which learner ranges are quiet, and what syncs of it looked at."""

from alx_core.domain.course_rows import CourseRows
from alx_core.domain.learners import Layout
from alx_core.domain.sync import SyncResult
from alx_core.services.sync.listener import Listener
from alx_core.services.sync.source import Digests
from support.builders import NOW, FrameSource, Row, make_user
from support.frame_site import IDS, WIDTH, two_companies

EARLY = NOW - NOW % 86_400 + 86_400 + 600
"""Ten past midnight."""


def digesting_source() -> FrameSource:
    """The two companies' Moodle, which tells quiet ranges as a server does."""
    return FrameSource(two_companies(), width=WIDTH, has_digests=True)


def looked_at(result: SyncResult) -> int:
    """How many ranges were not skipped."""
    return result.ranges - result.ranges_skipped


def users_changed(*userids: int) -> list[Row]:
    """The rows of `user`, with another first name for some."""
    return [make_user(id=each, firstname="New" if each in userids else "Ada", username=f"u{each}") for each in IDS]


class CutOff(Listener):
    """Breaks a run off when it is about to write."""

    def progress(self, step: str, done: int, total: int) -> None:  # noqa: ARG002  # the listener's
        if step == "write":
            raise KeyboardInterrupt


class Undigested(FrameSource):
    """Has digests, and nobody may ask for them."""

    def digests(self, layout: Layout, courses: CourseRows | None = None) -> Digests:
        raise AssertionError(layout, courses)
