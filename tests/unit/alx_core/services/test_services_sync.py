"""One sync from beginning to end, over a Moodle of frames: what is written, what is booked, what stays untouched."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text

from alx_core.domain.checks import CheckName, check_sync
from alx_core.domain.learners import Layout, LearnerRange
from alx_core.domain.progress import KEY, Snapshot, reporting_rows
from alx_core.domain.sync import Kind, SyncRequest, SyncResult
from alx_core.errors import SourceUnreachable, SyncError, SyncLocked
from alx_core.services.sync.listener import Listener
from alx_core.services.sync.run import SyncOptions, sync
from alx_core.store.companies import list_companies
from alx_core.store.locks import writer_lock
from alx_core.store.runs import companies_of, latest_runs
from alx_core.store.tables import reporting, sync_digests, sync_errors
from support.builders import (
    COMPANY,
    COURSE,
    NOW,
    FrameSource,
    Key,
    Row,
    make_company,
    make_company_user,
    make_course,
    make_course_completion,
    make_enrol,
    make_many_learners,
    make_module,
    make_module_completion,
    make_snapshot,
    make_user,
    make_user_enrolment,
    snapshots,
)
from support.reporting_databases import migrated_engine

BETA = 2
IDS = (100, 200, 300)
WIDTH = 70
"""Of learner ranges: five of them, no two learners in the same one."""
CONTENT = ("firstname", "coursename", "status", "percentage")
HOUR_S = 3600


def two_companies(**rows: Any) -> Snapshot:
    """Learner 100 in acme and beta, 200 in acme, 300 in beta; both companies have the course."""
    return make_snapshot(
        **{
            **make_many_learners(3, step=100),
            "company": [make_company(), make_company(id=BETA, shortname="beta", name="Beta")],
            "company_users": [
                make_company_user(),
                make_company_user(companyid=BETA),
                make_company_user(userid=200),
                make_company_user(userid=300, companyid=BETA),
            ],
            "company_course": [{"companyid": each, "courseid": COURSE} for each in (COMPANY, BETA)],
            **rows,
        }
    )


@dataclass
class Site:
    """A Moodle of frames and a reporting database. `now` is the clock and the instant that is judged."""

    engine: Engine
    home: Path
    source: FrameSource = field(default_factory=lambda: FrameSource(two_companies()))
    now: int = NOW
    listener: Listener = field(default_factory=Listener)
    workers: int = 2

    def sync(self, kind: Kind = Kind.HOURLY, **request: Any) -> SyncResult:
        return sync(
            self.engine,
            lambda: self.source,
            SyncRequest(kind, as_of=self.now, window=(self.now - HOUR_S, self.now), **request),
            SyncOptions(
                self.home / "spool",
                workers=self.workers,
                lock_timeout_s=0,
                clock=lambda: self.now,
                listener=self.listener,
            ),
        )

    def change(self, **rows: Any) -> None:
        """Give Moodle's tables other rows, an hour later."""
        frames = two_companies(**rows)
        self.source.snapshot = {**self.source.snapshot, **{name: frames[name] for name in rows}}
        self.now += HOUR_S

    def table(self) -> dict[Key, Row]:
        """All rows of the reporting table, tombstones too."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(reporting)).mappings().all()
        return {(row["companyid"], row["userid"], row["courseid"]): dict(row) for row in rows}

    def content(self) -> dict[Key, tuple[Any, ...]]:
        """What the live rows say, as far as these tests look at it."""
        return {
            each: tuple(row[name] for name in CONTENT) for each, row in self.table().items() if not row["is_deleted"]
        }

    def live(self) -> set[Key]:
        return {key for key, row in self.table().items() if not row["is_deleted"]}

    def runs(self) -> list[Row]:
        """The runs in the books, oldest first."""
        with self.engine.connect() as connection:
            return latest_runs(connection, limit=100)[::-1]

    def companies(self) -> dict[str, Row]:
        with self.engine.connect() as connection:
            return {row["shortname"]: row for row in list_companies(connection)}

    def execute(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))


def wanted_content(snapshot: Snapshot, now: int) -> dict[Key, tuple[Any, ...]]:
    """What the rules give, in the form of `Site.content`."""
    rows = reporting_rows(snapshot, as_of=now).with_columns(percentage=(pl.col("percentage_x100") / 100).round(2))
    return {row[:3]: row[3:] for row in rows.select(*KEY, *CONTENT).rows()}


def key(companyid: int, userid: int) -> Key:
    return (companyid, userid, COURSE)


ALL = {key(COMPANY, 100), key(COMPANY, 200), key(BETA, 100), key(BETA, 300)}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with migrated_engine("sqlite", tmp_path) as engine:
        yield Site(engine, tmp_path)


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[Site]:
    with migrated_engine("postgresql", tmp_path) as engine:
        yield Site(engine, tmp_path)


def figures(result: SyncResult) -> dict[str, tuple[int, ...]]:
    names = ("rows", "created", "updated", "deleted", "unchanged", "errors")
    return {each.shortname: tuple(getattr(each, name) for name in names) for each in result.companies}


# --- what is written ---


def test_the_first_sync_writes_every_row(site: Site) -> None:
    result = site.sync()
    assert site.live() == ALL
    assert figures(result) == {"acme": (2, 2, 0, 0, 0, 0), "beta": (2, 2, 0, 0, 0, 0)}
    assert result.table.rows == {COMPANY: 2, BETA: 2}
    assert all(check.passed for check in check_sync(result, source_fresh_hours=1))


def test_a_second_sync_writes_nothing(site: Site) -> None:
    site.sync()
    before = site.table()
    site.now += HOUR_S
    assert figures(site.sync()) == {"acme": (2, 0, 0, 0, 2, 0), "beta": (2, 0, 0, 0, 2, 0)}
    assert site.table() == before


def test_only_rows_whose_content_moved_are_stamped(site: Site) -> None:
    site.sync()
    before = site.table()
    site.change(course_modules_completion=[make_module_completion(userid=200)])
    result = site.sync()
    assert figures(result) == {"acme": (2, 0, 1, 0, 1, 0), "beta": (2, 0, 0, 0, 2, 0)}
    moved = {each: row for each, row in site.table().items() if row != before[each]}
    assert moved.keys() == {key(COMPANY, 200)}
    (row,) = moved.values()
    assert (row["status"], row["percentage"]) == ("in_progress", 50.0)
    assert (row["last_updated"], row["change_seq"], row["created_at"]) == (site.now, result.run_id, NOW)


def test_a_row_that_no_longer_qualifies_becomes_a_tombstone_without_a_name_and_may_come_back(site: Site) -> None:
    site.sync()
    enrolments = [make_user_enrolment(userid=each) for each in IDS]
    site.change(user_enrolments=enrolments[:1] + enrolments[2:])
    assert figures(site.sync())["acme"] == (1, 0, 0, 1, 1, 0)
    tombstone = site.table()[key(COMPANY, 200)]
    assert (tombstone["is_deleted"], tombstone["firstname"], tombstone["email"]) == (1, "", "")
    site.change(user_enrolments=enrolments)
    assert figures(site.sync())["acme"] == (2, 1, 0, 0, 1, 0)
    assert site.live() == ALL


def test_time_alone_takes_a_row_away(site: Site) -> None:
    enrolments = [make_user_enrolment(userid=each, timeend=NOW + 10 * each) for each in IDS]
    site.source.snapshot = two_companies(user_enrolments=enrolments)
    site.sync()
    site.now = NOW + 1500
    site.sync()
    assert site.live() == {key(COMPANY, 200), key(BETA, 300)}


def test_the_rows_of_a_company_that_is_gone_become_tombstones_and_it_is_marked(site: Site) -> None:
    site.sync()
    site.change(company=[make_company()])
    assert figures(site.sync())["beta"] == (0, 0, 0, 2, 0, 0)
    assert site.live() == {key(COMPANY, 100), key(COMPANY, 200)}
    assert {name: row["is_deleted"] for name, row in site.companies().items()} == {"acme": 0, "beta": 1}
    site.change(company=two_companies()["company"].to_dicts())
    site.sync()
    assert site.live() == ALL
    assert site.companies()["beta"]["is_deleted"] == 0


def test_only_the_companies_that_are_named_are_synced(site: Site) -> None:
    site.sync()
    before = site.table()
    site.change(user=[make_user(id=each, firstname="New") for each in IDS])
    result = site.sync(Kind.REBUILD, shortnames=("beta",))
    assert figures(result) == {"beta": (2, 0, 2, 0, 0, 0)}
    changed = {each for each, row in site.table().items() if row != before[each]}
    assert changed == {key(BETA, 100), key(BETA, 300)}
    assert site.companies()["acme"]["is_deleted"] == 0
    assert all(check.passed for check in check_sync(result, source_fresh_hours=24))


def test_a_company_that_moodle_does_not_have_is_refused_with_those_it_has(site: Site) -> None:
    with pytest.raises(SyncError, match=r"no company with shortname gamma\. It has: acme, beta\."):
        site.sync(Kind.REBUILD, shortnames=("acme", "gamma"))
    assert site.table() == {}
    assert [run["status"] for run in site.runs()] == ["failed"]


@pytest.mark.parametrize("width", [64, 100, 300, 2**40])
@pytest.mark.parametrize("workers", [1, 3])
def test_learner_ranges_of_any_width_side_by_side_give_the_same_table(site: Site, width: int, workers: int) -> None:
    site.source.width, site.workers = width, workers
    result = site.sync()
    assert (result.ranges, site.live()) == (300 // width + 1, ALL)
    assert figures(result) == {"acme": (2, 2, 0, 0, 0, 0), "beta": (2, 2, 0, 0, 0, 0)}
    assert result.rows_read["user"] == 3
    assert result.rows_read["course"] == 2


@settings(max_examples=4)
@given(before=snapshots(), after=snapshots(), width=st.sampled_from([51, 101, 2**40]))
def test_whatever_moodle_was_and_is_the_table_ends_as_the_rules_say(
    tmp_path_factory: pytest.TempPathFactory, before: Snapshot, after: Snapshot, width: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with migrated_engine("sqlite", folder) as engine:
        for source in (FrameSource(before, width=width), FrameSource(after, width=width)):
            site = Site(engine, folder, source)
            result = site.sync()
            assert site.content() == wanted_content(source.snapshot, NOW)
            failed = {check.name for check in check_sync(result, source_fresh_hours=1e9) if not check.passed}
            assert failed <= {CheckName.SOURCE_FRESH}


# --- what is booked ---


def test_a_run_is_booked_with_its_figures(site: Site) -> None:
    site.sync()
    site.change(user=[make_user(id=each, firstname="New") for each in IDS])
    result = site.sync(dagster_run_id="a-run")
    run = site.runs()[-1]
    assert (run["id"], run["kind"], run["status"], run["error"]) == (result.run_id, "hourly", "succeeded", None)
    assert (run["window_start"], run["window_end"], run["as_of"]) == (site.now - HOUR_S, site.now, site.now)
    assert (run["started_at"], run["finished_at"], run["dagster_run_id"]) == (site.now, site.now, "a-run")
    assert (run["companies"], run["companies_failed"], run["processed"], run["updated"]) == (2, 0, 4, 4)
    with site.engine.connect() as connection:
        booked = companies_of(connection, result.run_id)
    assert [(each["companyid"], each["updated"], each["status"]) for each in booked] == [
        (COMPANY, 2, "succeeded"),
        (BETA, 2, "succeeded"),
    ]


def test_a_company_is_known_by_its_names_its_rows_and_how_far_it_may_be_read(site: Site) -> None:
    first = site.sync()
    site.change(company=[make_company(shortname="new", suspended=1), make_company(id=BETA, shortname="beta")])
    site.sync()
    company = site.companies()["new"]
    assert (company["suspended"], company["row_count"], company["last_error"]) == (1, 2, None)
    assert (company["last_synced_at"], company["published_seq"]) == (site.now, first.run_id)


def test_a_run_that_was_killed_is_closed_by_the_next(site: Site) -> None:
    site.execute("INSERT INTO sync_runs (kind, status, as_of, started_at) VALUES ('hourly', 'running', 1, 1)")
    site.sync()
    assert [run["status"] for run in site.runs()] == ["interrupted", "succeeded"]


class Diary(Listener):
    """Notes what it hears."""

    def __init__(self) -> None:
        self.notes: list[Any] = []

    def waiting(self) -> None:
        self.notes.append("waiting")

    def progress(self, step: str, done: int, total: int) -> None:
        self.notes.append((step, done, total))

    def finished(self, result: SyncResult) -> None:
        self.notes.append(result)


def test_a_listener_hears_of_every_range_every_company_and_the_end(site: Site) -> None:
    diary = Diary()
    site.listener, site.source.width = diary, 200
    result = site.sync()
    assert diary.notes == [("read", 1, 2), ("read", 2, 2), ("write", 1, 2), ("write", 2, 2), result]


# --- what goes wrong ---


FAIL_BETA = """
CREATE TRIGGER beta_fails BEFORE INSERT ON local_alx_api_reporting WHEN NEW.companyid = 2 AND NEW.userid = 300
BEGIN SELECT RAISE(ABORT, 'beta is not allowed'); END
"""


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

    def scan(self, learners: Sequence[LearnerRange]) -> Iterator[tuple[str, pl.DataFrame]]:
        for count, batch in enumerate(super().scan(learners)):
            if count == 3:
                raise self.error
            yield batch


@pytest.mark.parametrize(
    ("error", "status", "booked"),
    [
        (SourceUnreachable("Moodle is gone."), "failed", "Moodle is gone."),
        (ValueError("odd"), "failed", "ValueError: odd"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt: "),
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


# --- bad records ---


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


def failed_checks(result: SyncResult) -> set[str]:
    return {check.name.value for check in check_sync(result, source_fresh_hours=1e9) if not check.passed}


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


@pytest.mark.parametrize("column", ["name", "shortname"])
def test_a_nul_in_a_companys_name_does_not_end_the_run_on_postgresql(postgresql: Site, column: str) -> None:
    postgresql.change(company=[make_company(**{column: "a\0b"}), make_company(id=BETA, shortname="beta")])
    assert postgresql.sync().errors == 1
    assert postgresql.live() == {key(BETA, 100), key(BETA, 300)}


# --- quiet ranges ---


EARLY = NOW - NOW % 86_400 + 86_400 + 600
"""Ten past midnight."""


def digesting_source() -> FrameSource:
    return FrameSource(two_companies(), width=WIDTH, has_digests=True)


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The reporting database after two syncs: the first one notes all digests, the second finds them true."""
    folder = tmp_path_factory.mktemp("noted")
    with migrated_engine("sqlite", folder) as engine:
        site = Site(engine, folder, digesting_source(), now=EARLY)
        site.sync()
        site.now += HOUR_S
        assert site.sync().ranges_skipped == 5
        database = Path(str(engine.url.database))
    return database.read_bytes()


@pytest.fixture
def quiet(site: Site, noted: bytes) -> Site:
    """A site with a range per learner whose digests are noted."""
    Path(str(site.engine.url.database)).write_bytes(noted)
    site.source, site.now = digesting_source(), EARLY + 2 * HOUR_S
    return site


def looked_at(result: SyncResult) -> int:
    return result.ranges - result.ranges_skipped


def users_changed(*userids: int) -> list[Row]:
    return [make_user(id=each, firstname="New" if each in userids else "Ada", username=f"u{each}") for each in IDS]


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

    class CutOff(Listener):
        def progress(self, step: str, done: int, total: int) -> None:  # noqa: ARG002  # the listener's
            if step == "write":
                raise KeyboardInterrupt

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

        def scan(self, learners: Sequence[LearnerRange]) -> Iterator[tuple[str, pl.DataFrame]]:
            yield from super().scan(learners)
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

        def digests(self, layout: Layout) -> dict[int, str] | None:
            self.grow()
            return super().digests(layout)

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
    assert [quiet.sync().errors for _ in range(3)] == [1, 1, 1]


def test_a_source_that_cannot_digest_is_always_looked_at_whole(site: Site) -> None:
    site.source = FrameSource(two_companies(), width=WIDTH)
    assert [looked_at(site.sync()) for _ in range(3)] == [5] * 3
    with site.engine.connect() as connection:
        assert connection.execute(select(sync_digests)).all() == []


def test_an_hourly_sync_of_one_company_does_not_hide_a_change_from_the_others(quiet: Site) -> None:
    quiet.change(user=users_changed(100))
    quiet.sync(shortnames=("beta",))
    quiet.now += HOUR_S
    quiet.sync()
    assert {quiet.table()[key(each, 100)]["firstname"] for each in (COMPANY, BETA)} == {"New"}


steps = st.lists(
    st.tuples(
        st.sampled_from(["user", "enrolment", "completion", "course", "nothing", "rebuild"]), st.sampled_from(IDS)
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
            return {"course": [make_course(fullname=f"Course {turn}")]}
    return {}


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
        site.sync()
        for turn, (what, userid) in enumerate([("nothing", 100), *plan]):
            site.change(**change_of(what, userid, turn))
            site.sync(Kind.REBUILD if what == "rebuild" else Kind.HOURLY)
            assert site.content() == wanted_content(source.snapshot, site.now)
