"""The book of syncs: what a run leaves behind, and what can be read from it when Dagster is dead."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, delete, select

from alx_core.domain.bad_records import BadRecord, Reason
from alx_core.services.health import sync_health
from alx_core.store import runs
from alx_core.store.locks import writer_lock
from alx_core.store.tables import sync_errors, sync_run_companies, sync_runs
from support.books import companies_of
from support.builders import NOW, Row, make_run
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

HOUR_S = 3600
HOUR = NOW - NOW % HOUR_S
"""The end of the newest complete hour at NOW."""


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("runs")) as made:
        yield made


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back, so that each test finds the books empty."""
    with engine.connect() as made:
        yield made
        made.rollback()


def book(connection: Connection, **overrides: object) -> int:
    """Book a run that has ended; return its id."""
    run = make_run(**overrides)
    run_id = runs.start_run(connection, **{name: run[name] for name in ("kind", "as_of", "window_end", "started_at")})
    runs.finish_run(connection, run_id, status=run["status"], finished_at=run["finished_at"])
    return run_id


def run_of(connection: Connection, run_id: int) -> Row:
    return dict(connection.execute(select(sync_runs).where(sync_runs.c.id == run_id)).mappings().one())


# --- runs ---


def test_a_run_that_starts_is_running_and_has_done_nothing_yet(connection: Connection) -> None:
    run = run_of(connection, runs.start_run(connection, kind="hourly", as_of=NOW, started_at=NOW))
    figures = ("companies", "companies_failed", "processed", "created", "updated", "deleted", "unchanged", "errors")
    assert (run["status"], run["started_at"], run["finished_at"], run["error"]) == ("running", NOW, None, None)
    assert [run[name] for name in (*figures, "ranges", "ranges_skipped")] == [0] * 10


def test_each_run_has_an_id_above_all_before(connection: Connection) -> None:
    ids = [book(connection) for _ in range(3)]
    assert ids == sorted(set(ids))


def test_the_id_of_a_run_that_was_purged_is_never_given_again(connection: Connection) -> None:
    last = [book(connection) for _ in range(3)][-1]
    connection.execute(delete(sync_runs))
    assert book(connection) > last


def test_a_run_is_closed_with_its_figures_and_the_others_stay(connection: Connection) -> None:
    one, other = (runs.start_run(connection, kind="hourly", as_of=NOW, started_at=NOW) for _ in range(2))
    runs.finish_run(connection, one, status="failed", finished_at=NOW + 5, created=3, seconds=4.5, error="beta: no")
    closed = run_of(connection, one)
    assert (closed["status"], closed["finished_at"], closed["created"]) == ("failed", NOW + 5, 3)
    assert (closed["seconds"], closed["error"]) == (4.5, "beta: no")
    assert run_of(connection, other)["status"] == "running"


def test_runs_that_were_killed_are_closed_as_interrupted_and_the_others_stay(connection: Connection) -> None:
    done = book(connection)
    killed = [runs.start_run(connection, kind="hourly", as_of=NOW, started_at=NOW) for _ in range(2)]
    assert runs.interrupt_running(connection, now=NOW + 9) == 2
    for run_id in killed:
        run = run_of(connection, run_id)
        assert (run["status"], run["finished_at"]) == ("interrupted", NOW + 9)
        assert run["error"]
    assert run_of(connection, done)["status"] == "succeeded"
    assert runs.interrupt_running(connection, now=NOW + 9) == 0


def test_the_newest_runs_come_first(connection: Connection) -> None:
    ids = [book(connection) for _ in range(4)]
    assert [run["id"] for run in runs.latest_runs(connection, limit=3)] == ids[:0:-1]


def test_the_run_that_is_going_on_is_known_by_its_start(connection: Connection) -> None:
    with writer_lock(connection.engine, timeout_s=0):
        assert runs.running_since(connection) is None
        book(connection)
        assert runs.running_since(connection) is None
        runs.start_run(connection, kind="rebuild", as_of=NOW, started_at=NOW - 30)
        assert runs.running_since(connection) == NOW - 30


def test_a_run_whose_process_was_killed_is_not_going_on(connection: Connection) -> None:
    """Its row stays open until the next sync: with Dagster dead, the status page said "Running" for days."""
    runs.start_run(connection, kind="hourly", as_of=NOW, started_at=NOW - 86_400)
    assert runs.running_since(connection) is None


# --- the last success ---


def test_nothing_booked_is_no_success(connection: Connection) -> None:
    assert runs.last_success(connection, now=NOW + HOUR_S * 3) is None


def test_a_run_of_the_newest_hour_is_a_success(connection: Connection) -> None:
    book(connection, window_end=HOUR, started_at=NOW, finished_at=NOW + 7)
    assert runs.last_success(connection, now=NOW + HOUR_S * 3) == (NOW + 7, HOUR)


@pytest.mark.parametrize(
    "overrides",
    [
        {"status": "failed"},
        {"status": "interrupted"},
        {"kind": "rebuild", "window_end": None},
        {"window_end": HOUR - HOUR_S},  # a backfill of an old hour
    ],
)
def test_no_success_is_a_run_that(connection: Connection, overrides: Row) -> None:
    book(connection, window_end=HOUR, started_at=NOW - 600, finished_at=NOW - 590)
    book(connection, **{"window_end": HOUR, "started_at": NOW, "finished_at": NOW + 7, **overrides})
    assert runs.last_success(connection, now=NOW + HOUR_S * 3) == (NOW - 590, HOUR)


def test_a_run_that_is_still_going_on_is_no_success(connection: Connection) -> None:
    runs.start_run(connection, kind="hourly", as_of=NOW, started_at=NOW, window_end=HOUR)
    assert runs.last_success(connection, now=NOW + HOUR_S * 3) is None


@pytest.mark.parametrize("started_at", [HOUR, HOUR + HOUR_S - 1])
def test_the_newest_hour_is_the_one_that_was_newest_when_the_run_started(
    connection: Connection, started_at: int
) -> None:
    book(connection, window_end=HOUR, started_at=started_at, finished_at=started_at + HOUR_S)
    assert runs.last_success(connection, now=NOW + HOUR_S * 3) == (started_at + HOUR_S, HOUR)


def test_a_block_of_hours_that_ends_with_the_newest_is_a_success(connection: Connection) -> None:
    book(connection, window_start=HOUR - 48 * HOUR_S, window_end=HOUR, started_at=NOW, finished_at=NOW + 7)
    assert runs.last_success(connection, now=NOW + HOUR_S * 3) == (NOW + 7, HOUR)


def test_health_is_told_from_the_books_alone(connection: Connection) -> None:
    book(connection, window_end=HOUR, started_at=HOUR + 300, finished_at=HOUR + 310)
    runs.start_run(connection, kind="hourly", as_of=NOW, started_at=NOW - 3)
    with writer_lock(connection.engine, timeout_s=0):
        health = sync_health(connection, now=HOUR + 310 + 7200, stale_after_s=7200)
    assert (health.freshness, health.last_success_at, health.covered_until) == ("fresh", HOUR + 310, HOUR)
    assert health.running_since == NOW - 3
    assert sync_health(connection, now=HOUR + 311 + 7200, stale_after_s=7200).freshness == "stale"


def test_health_of_a_table_that_was_never_synced_is_never(connection: Connection) -> None:
    health = sync_health(connection, now=NOW, stale_after_s=7200)
    assert (health.freshness, health.last_success_at, health.covered_until) == ("never", None, None)


def test_a_success_that_a_clock_dated_in_the_future_does_not_say_that_the_table_is_fresh(
    connection: Connection,
) -> None:
    book(connection, window_end=HOUR, started_at=HOUR + 300, finished_at=HOUR + 310)
    book(connection, window_end=HOUR + 5 * HOUR_S, started_at=HOUR + 5 * HOUR_S, finished_at=HOUR + 5 * HOUR_S + 10)
    health = sync_health(connection, now=HOUR + 311 + 7200, stale_after_s=7200)
    assert (health.freshness, health.last_success_at) == ("stale", HOUR + 310)


# --- companies and bad records of a run ---


def company_row(companyid: int) -> Row:
    counts = dict.fromkeys(("processed", "created", "updated", "deleted", "unchanged", "errors"), 1)
    return {"companyid": companyid, "status": "succeeded", "seconds": 0.5, "error": None, **counts}


def test_the_companies_of_a_run_are_booked_and_read_by_companyid(connection: Connection) -> None:
    run_id, other = book(connection), book(connection)
    runs.add_companies(connection, run_id, [company_row(7), company_row(3)])
    runs.add_companies(connection, other, [company_row(5)])
    assert companies_of(connection, run_id) == [{"run_id": run_id, **company_row(each)} for each in (3, 7)]


def test_a_run_without_companies_books_none(connection: Connection) -> None:
    run_id = book(connection)
    runs.add_companies(connection, run_id, [])
    assert companies_of(connection, run_id) == []


def bad_record(userid: int) -> BadRecord:
    return BadRecord("user_enrolments", "timeend", Reason.TIME_OUT_OF_RANGE, userid, None, None)


def test_bad_records_are_booked_with_their_reason(connection: Connection) -> None:
    run_id = book(connection)
    runs.add_errors(connection, run_id, [bad_record(7)], now=NOW)
    row = dict(connection.execute(select(sync_errors)).mappings().one())
    row.pop("id")
    assert row == {
        "run_id": run_id,
        "companyid": None,
        "userid": 7,
        "courseid": None,
        "source_table": "user_enrolments",
        "source_column": "timeend",
        "reason": "time_out_of_range",
        "occurred_at": NOW,
    }


@pytest.mark.slow
@pytest.mark.parametrize(("bad", "booked"), [(0, 0), (10_000, 10_000), (10_001, 10_000)])
def test_no_more_than_ten_thousand_bad_records_are_booked_per_run(
    connection: Connection, bad: int, booked: int
) -> None:
    runs.add_errors(connection, book(connection), [bad_record(each) for each in range(bad)], now=NOW)
    assert len(connection.execute(select(sync_errors.c.userid)).all()) == booked


def test_purging_a_run_takes_its_companies_and_bad_records_along(connection: Connection) -> None:
    gone, kept = book(connection), book(connection)
    for run_id in (gone, kept):
        runs.add_companies(connection, run_id, [company_row(1)])
        runs.add_errors(connection, run_id, [bad_record(7)], now=NOW)
    connection.execute(delete(sync_runs).where(sync_runs.c.id == gone))
    for table in (sync_run_companies, sync_errors):
        assert connection.execute(select(table.c.run_id)).scalars().all() == [kept]
