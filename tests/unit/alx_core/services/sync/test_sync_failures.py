"""A sync in which something goes wrong: what is done stays, the rest is untouched, all is booked."""

from collections.abc import Iterator, Sequence
from errno import ENOSPC

import polars as pl
import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from alx_core.domain.checks import CheckName, check_sync
from alx_core.domain.course_rows import CourseRows
from alx_core.domain.learners import LearnerRange
from alx_core.domain.progress import Snapshot
from alx_core.domain.sync import Kind, SyncRequest
from alx_core.errors import SourceUnreachable, SyncLocked
from alx_core.services.sync.run import SyncOptions, sync
from alx_core.store.locks import writer_lock
from support.builders import COMPANY, COURSE, NOW, FrameSource, make_company, make_company_user
from support.frame_site import ALL, BETA, FAIL_BETA, Diary, Site, figures, key, two_companies


def test_a_company_that_fails_is_as_it_was_and_the_others_are_committed(site: Site) -> None:
    site.execute(FAIL_BETA)
    result = site.sync()
    assert result.failed == {"beta": "beta is not allowed"}
    assert site.live() == {key(COMPANY, 100), key(COMPANY, 200)}
    assert figures(result) == {"acme": (2, 2, 0, 0, 0, 0), "beta": (2, 0, 0, 0, 0, 0)}
    (run,) = site.runs()
    assert (run["status"], run["companies_failed"], run["error"]) == ("failed", 1, "beta: beta is not allowed")
    beta = site.companies()["beta"]
    assert (beta["last_error"], beta["last_synced_at"], beta["published_seq"]) == ("beta is not allowed", None, 0)
    failed = {check.name for check in check_sync(result, source_fresh_hours=1) if not check.passed}
    assert failed == {CheckName.COMPANIES_OK}


def test_of_companies_in_one_transaction_only_the_one_that_fails_is_as_it_was(site: Site) -> None:
    names = {COMPANY: "acme", BETA: "beta", 3: "gamma", 4: "nobody"}
    site.source.snapshot = two_companies(
        company=[make_company(id=each, shortname=name) for each, name in names.items()],
        company_users=[make_company_user(companyid=each, userid=300) for each in (COMPANY, BETA, 3)],
        company_course=[{"companyid": each, "courseid": COURSE} for each in names],
    )
    site.execute(FAIL_BETA)
    result = site.sync()
    assert result.failed == {"beta": "beta is not allowed"}
    assert site.live() == {key(COMPANY, 300), key(3, 300)}
    published = {name: row["published_seq"] for name, row in site.companies().items()}
    assert published == {"acme": result.run_id, "beta": 0, "gamma": result.run_id, "nobody": 0}


def test_the_next_sync_makes_up_for_a_company_that_failed(site: Site) -> None:
    site.execute(FAIL_BETA)
    site.sync()
    site.execute("DROP TRIGGER beta_fails")
    assert figures(site.sync()) == {"acme": (2, 0, 0, 0, 2, 0), "beta": (2, 2, 0, 0, 0, 0)}
    assert site.companies()["beta"]["last_error"] is None


class Breaking(FrameSource):
    """Breaks while it is read."""

    def __init__(self, snapshot: Snapshot, error: BaseException) -> None:
        super().__init__(snapshot)
        self.error = error

    def scan(
        self, learners: Sequence[LearnerRange], courses: CourseRows | None = None
    ) -> Iterator[tuple[str, pl.DataFrame]]:
        for count, batch in enumerate(super().scan(learners, courses)):
            if count == 3:
                raise self.error
            yield batch


@pytest.mark.parametrize(
    ("error", "status", "booked"),
    [
        (SourceUnreachable("Moodle is gone."), "failed", "Moodle is gone."),
        (ValueError("odd\nbelow stands whatever"), "failed", "ValueError: odd"),
        (
            OSError(ENOSPC, "No space left on device", "spool/1"),
            "failed",
            "spool/1: No space left on device. Is there room on the disk, and may this user write there?",
        ),
        (KeyboardInterrupt(), "interrupted", "The run was stopped before its end."),
    ],
)
def test_a_source_that_breaks_leaves_the_table_untouched_and_is_booked(
    site: Site, error: BaseException, status: str, booked: str
) -> None:
    site.sync()
    before = site.table()
    site.source = Breaking(two_companies(user=[]), error)
    with pytest.raises(type(error)):
        site.sync()
    assert site.table() == before
    assert (site.runs()[-1]["status"], site.runs()[-1]["error"]) == (status, booked)
    assert site.source.is_closed
    assert not (site.home / "spool").exists()


@pytest.mark.slow
def test_a_note_that_the_server_has_no_room_for_is_booked_in_one_line(postgresql: Site) -> None:
    full = "BEGIN RAISE disk_full USING MESSAGE = 'no space left', DETAIL = 'Ada'; END"
    postgresql.execute(f"CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ {full} $$")
    postgresql.execute("CREATE TRIGGER no_room BEFORE INSERT ON sync_digests EXECUTE FUNCTION fill()")
    with pytest.raises(OperationalError) as caught:
        postgresql.sync()
    assert isinstance(caught.value.orig, psycopg.errors.DiskFull)
    booked = "A database refused: no space left. Look at its disk, its rights and its log."
    assert (postgresql.runs()[-1]["status"], postgresql.runs()[-1]["error"]) == ("failed", booked)
    assert postgresql.live() == ALL, "what was written stays"


def test_where_not_even_the_failure_can_be_booked_the_error_is_told(site: Site) -> None:
    site.execute("CREATE TRIGGER no_room BEFORE UPDATE ON sync_runs BEGIN SELECT RAISE(FAIL, 'the disk is full'); END")
    site.source = Breaking(two_companies(), SourceUnreachable("Moodle is gone."))
    with pytest.raises(SourceUnreachable):
        site.sync()
    site.execute("DROP TRIGGER no_room")
    site.source = FrameSource(two_companies())
    site.sync()
    assert [run["status"] for run in site.runs()] == ["interrupted", "succeeded"]


def test_after_an_error_the_next_sync_may_go_on(site: Site) -> None:
    good, site.source = site.source, Breaking(two_companies(), SourceUnreachable("gone"))
    with pytest.raises(SourceUnreachable):
        site.sync()
    site.source = good
    assert figures(site.sync())["acme"] == (2, 2, 0, 0, 0, 0)


def test_a_source_that_cannot_be_opened_is_booked(site: Site) -> None:
    def refuse() -> FrameSource:
        raise SourceUnreachable("Moodle is down.")

    with pytest.raises(SourceUnreachable):
        sync(site.engine, refuse, SyncRequest(Kind.REBUILD, as_of=NOW), SyncOptions(site.home / "spool"))
    assert [(run["status"], run["error"]) for run in site.runs()] == [("failed", "Moodle is down.")]


def test_a_sync_that_finds_another_one_at_work_leaves_no_trace(site: Site) -> None:
    diary = Diary()
    site.listener = diary
    with writer_lock(site.engine, timeout_s=0), pytest.raises(SyncLocked):
        site.sync()
    assert (diary.notes, site.runs(), site.table()) == (["waiting"], [], {})


def test_what_a_killed_sync_left_in_the_spool_does_no_harm(site: Site) -> None:
    left = site.home / "spool" / "0000" / "000000.arrow"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a file")
    site.sync()
    assert site.live() == ALL
    assert not (site.home / "spool").exists()
