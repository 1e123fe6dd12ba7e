"""Reading and writing the reporting table: nothing is lost, rounded or mixed up on the way."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sqlalchemy import Engine, delete, event, make_url, select, text

from alx_core.domain.changes import changes
from alx_core.domain.learners import EVERYBODY, LearnerRange
from alx_core.domain.progress import KEY
from alx_core.errors import StoreUnreachable
from alx_core.store.engine import make_engine, transaction
from alx_core.store.reporting_sync import StoredRows, Written, stored_rows, write_changes
from alx_core.store.tables import reporting
from support.builders import (
    COMPANY,
    NOW,
    Row,
    make_report,
    make_report_row,
    make_stored,
    make_tombstone,
)
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine
from support.stack import wait_for

pytestmark = pytest.mark.slow

NOTHING = make_stored()


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("reporting")) as made:
        yield made


def cut_off(engine: Engine) -> bool:
    """Let the server cut off who waits for a lock; False: nobody does."""
    waiting = "datname = current_database() AND wait_event_type = 'Lock'"
    with engine.connect() as connection:
        query = text(f"SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {waiting}")
        return bool(connection.scalar(query))


@pytest.fixture
def stored(engine: Engine) -> Iterator[StoredRows]:
    """Reads the table, which is empty."""
    empty(engine)
    made = StoredRows(engine)
    yield made
    made.close()


def empty(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(delete(reporting))


def write(engine: Engine, *frames: pl.DataFrame, run_id: int = 1, now: int = NOW) -> dict[int, Written]:
    with transaction(engine) as connection:
        return write_changes(connection, frames, run_id=run_id, now=now)


def bring_to(engine: Engine, stored: StoredRows, *rows: Row, run_id: int = 1, now: int = NOW) -> Written:
    """Make the table hold `rows`, as a sync does; return COMPANY's counts."""
    before = stored.read([EVERYBODY], {row["companyid"] for row in rows} | {COMPANY})
    written = write(engine, changes(make_report(*rows), before), run_id=run_id, now=now)
    return written.get(COMPANY, Written())


def stamps(engine: Engine) -> list[tuple[int, ...]]:
    """created_at, updated_at, last_updated, change_seq and is_deleted of each row, by key."""
    names = ("created_at", "updated_at", "last_updated", "change_seq", "is_deleted")
    with engine.connect() as connection:
        query = select(*(reporting.c[name] for name in names)).order_by(*(reporting.c[name] for name in KEY))
        return [tuple(row) for row in connection.execute(query)]


def test_every_hundredth_of_a_percent_survives_the_way_there_and_back(engine: Engine, stored: StoredRows) -> None:
    rows = [make_report_row(courseid=each, percentage_x100=each) for each in range(10_001)]
    report = make_report(*rows, make_report_row(courseid=99_999, percentage_x100=None))
    write(engine, changes(report, NOTHING))
    assert changes(report, stored.read([EVERYBODY], [COMPANY])).is_empty()
    with engine.connect() as connection:
        query = select(reporting.c.percentage).where(reporting.c.courseid == 1429)
        assert connection.execute(query).scalar_one() == 14.29


# PostgreSQL can't store NUL; the rules hold such a record back.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        "",
        "NULL",
        r"\N",
        r"\.",
        "a\n\\.\nb",
        '"',
        '""',
        "a,b",
        "'",
        "\r\n",
        "%s",
        ":name",
        "\\",
        "\t",
        "\ufeff",
        "\u2028",
    ]
)


@settings(max_examples=12)
@given(st.lists(st.tuples(texts, texts, texts, texts, texts), min_size=1, max_size=8), st.data())
def test_texts_survive_byte_for_byte(engine: Engine, people: list[tuple[str, ...]], data: st.DataObject) -> None:
    empty(engine)
    names = ("username", "firstname", "lastname", "email", "coursename")
    rows = [make_report_row(userid=id_, **dict(zip(names, each, strict=True))) for id_, each in enumerate(people)]
    changed = [{**row, "lastname": data.draw(texts, label="new name")} for row in rows]
    with closing(StoredRows(engine)) as stored:
        bring_to(engine, stored, *rows)
        assert_frame_equal(stored.read([EVERYBODY], [COMPANY]).sort(KEY), make_stored(*rows))
        bring_to(engine, stored, *changed, run_id=2)
        assert_frame_equal(stored.read([EVERYBODY], [COMPANY]).sort(KEY), make_stored(*changed))


def test_a_server_that_does_not_answer_is_unreachable_here_as_everywhere() -> None:
    engine = make_engine(make_url("postgresql+psycopg://alx:secret@127.0.0.1:1/alx"))
    with closing(StoredRows(engine)) as stored, pytest.raises(StoreUnreachable) as caught:
        stored.read([EVERYBODY], [1])
    assert "ALX_DATABASE_URL" in str(caught.value)
    assert not {"secret", "SELECT"} & set(str(caught.value).split())


def test_a_server_that_cuts_a_read_off_is_unreachable_too(tmp_path: Path) -> None:
    with migrated_engine("postgresql", tmp_path) as engine, closing(StoredRows(engine)) as stored:
        with ThreadPoolExecutor() as executor, engine.begin() as connection:
            connection.execute(text(f"LOCK TABLE {reporting.name} IN ACCESS EXCLUSIVE MODE"))
            read = executor.submit(stored.read, [EVERYBODY], [1])
            wait_for(lambda: cut_off(engine), timeout_s=30, describe="the end of a connection that waits")
            with pytest.raises(StoreUnreachable, match="ALX_DATABASE_URL") as caught:
                read.result(timeout=30)
        assert "SELECT" not in str(caught.value)


def test_each_op_is_counted_and_done(engine: Engine, stored: StoredRows) -> None:
    def row(userid: int, **overrides: object) -> Row:
        return make_report_row(userid=userid, **overrides)

    assert bring_to(engine, stored, row(1), row(2), row(3)) == Written(created=3)
    assert bring_to(engine, stored, row(1), row(2, status="completed"), run_id=2) == Written(updated=1, deleted=1)
    assert bring_to(engine, stored, row(1), row(3), row(4), run_id=3) == Written(created=2, deleted=1)
    expected = make_stored(row(1), make_tombstone(userid=2, status="completed"), row(3), row(4))
    assert_frame_equal(stored.read([EVERYBODY], [COMPANY]).sort(KEY), expected)


def test_only_what_moves_is_stamped_and_the_day_of_creation_stays(engine: Engine, stored: StoredRows) -> None:
    same, moved, gone = (make_report_row(userid=each) for each in (1, 2, 3))
    bring_to(engine, stored, same, moved, gone, run_id=5, now=100)
    bring_to(engine, stored, same, {**moved, "status": "completed"}, run_id=6, now=200)
    assert stamps(engine) == [(100, 100, 100, 5, 0), (100, 200, 200, 6, 0), (100, 200, 200, 6, 1)]
    bring_to(engine, stored, same, {**moved, "status": "completed"}, gone, run_id=7, now=300)
    assert stamps(engine)[2] == (100, 300, 300, 7, 0)


def test_changes_in_several_frames_are_all_written(engine: Engine, stored: StoredRows) -> None:
    frames = [changes(make_report(make_report_row(userid=each)), NOTHING) for each in (1, 2, 3)]
    assert write(engine, *frames) == {COMPANY: Written(created=3)}
    gone = changes(make_report(), stored.read([EVERYBODY], [COMPANY]))
    assert write(engine, gone[:1], gone[1:], run_id=2) == {COMPANY: Written(deleted=3)}
    assert stored.read([EVERYBODY], [COMPANY])["is_deleted"].to_list() == [1, 1, 1]


def test_nothing_to_write_writes_nothing(engine: Engine, stored: StoredRows) -> None:
    assert write(engine) == {}
    assert stored.read([EVERYBODY], [COMPANY]).is_empty()


def test_what_is_rolled_back_was_never_there(engine: Engine, stored: StoredRows) -> None:
    bring_to(engine, stored, make_report_row())
    before = stamps(engine)
    change = changes(make_report(make_report_row(status="completed"), make_report_row(userid=7)), NOTHING)
    with pytest.raises(Exception, match=r"(?i)unique"):
        write(engine, change, run_id=2)  # the first row stands there already
    assert stamps(engine) == before


@pytest.mark.parametrize(
    ("learners", "companyids", "found"),
    [
        ([EVERYBODY], [1, 2], {(1, 5), (1, 6), (1, 7), (2, 6)}),
        ([EVERYBODY], [2], {(2, 6)}),
        ([EVERYBODY], [], set()),
        ([], [1, 2], set()),
        ([LearnerRange(5, 6)], [1, 2], {(1, 5), (1, 6), (2, 6)}),
        ([LearnerRange(6, 6)], [1], {(1, 6)}),
        ([LearnerRange(0, 5), LearnerRange(7, 7)], [1, 2], {(1, 5), (1, 7)}),
        ([LearnerRange(8, 99)], [1, 2], set()),
    ],
)
def test_learner_ranges_of_some_companies_are_read(
    engine: Engine, stored: StoredRows, learners: list[LearnerRange], companyids: list[int], found: set[tuple[int, int]]
) -> None:
    keys = [(1, 5), (1, 6), (1, 7), (2, 6)]
    bring_to(engine, stored, *(make_report_row(companyid=c, userid=u) for c, u in keys))
    rows = stored.read(learners, companyids)
    assert rows.schema == NOTHING.schema
    assert set(rows.select("companyid", "userid").rows()) == found


@pytest.mark.parametrize("firsts", [[0], [64], [0, 640], [64, 640], range(64, 64_000, 128)])
def test_sqlite_finds_the_learners_of_each_company_by_the_key(tmp_path: Path, firsts: Sequence[int]) -> None:
    ranges = [LearnerRange(first, first + 63) for first in firsts]
    with migrated_engine("sqlite", tmp_path) as engine, engine.connect() as connection:
        query = stored_rows(ranges, [1, 2, 3], "sqlite").compile(engine, compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    assert len(plan) == 1
    assert re.search(r"USING PRIMARY KEY \(companyid=\? AND (userid>\? AND )?userid<\?\)", plan[0])


@pytest.mark.parametrize(("companies", "is_listed"), [(1, False), (400, False), (500, True)])
def test_postgresql_is_asked_for_each_range_in_each_company_or_given_a_list(companies: int, is_listed: bool) -> None:
    ranges = [LearnerRange(first, first + 63) for first in range(64, 64 + 40 * 128, 128)]
    where = str(stored_rows(ranges, range(companies), "postgresql").whereclause)
    assert (where.count("BETWEEN") > 40, ">>" in where) == (not is_listed, is_listed)


def test_sqlite_hands_a_company_over_in_one_piece(tmp_path: Path) -> None:
    fetched = []

    def note(_cursor: object, row: tuple[object, ...]) -> tuple[object, ...]:
        fetched.append(row)
        return row

    rows = [make_report_row(companyid=company, userid=user) for company in (1, 2) for user in range(50)]
    with migrated_engine("sqlite", tmp_path) as engine, closing(StoredRows(engine)) as stored:
        bring_to(engine, stored, *rows)
        event.listen(engine, "checkout", lambda connection, *_: setattr(connection, "row_factory", note))
        assert_frame_equal(stored.read([EVERYBODY], [1, 2]).sort(KEY), make_stored(*rows))
    assert len(fetched) == 2


def test_a_text_in_sqlite_that_is_no_utf_8_is_read_all_the_same(tmp_path: Path) -> None:
    rows = [make_report_row(userid=user, lastname="Lovelace") for user in (1, 2)]
    with migrated_engine("sqlite", tmp_path) as engine, closing(StoredRows(engine)) as stored:
        bring_to(engine, stored, *rows)
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE {reporting.name} SET lastname = CAST(x'FF61' AS TEXT) WHERE userid = 1"))
        assert stored.read([EVERYBODY], [COMPANY]).sort(KEY)["lastname"].to_list() == ["\ufffda", "Lovelace"]
        assert bring_to(engine, stored, *rows, run_id=2) == Written(updated=1)


def test_the_largest_ids_and_times_fit(engine: Engine, stored: StoredRows) -> None:
    largest = 2**63 - 1
    row = make_report_row(userid=largest, courseid=largest, timecompleted=largest, timeenrolled=largest)
    bring_to(engine, stored, row)
    assert_frame_equal(stored.read([EVERYBODY], [COMPANY]), make_stored(row))


def test_each_company_of_a_transaction_is_counted_by_itself_over_all_frames(engine: Engine, stored: StoredRows) -> None:
    def row(companyid: int, userid: int, **overrides: object) -> Row:
        return make_report_row(companyid=companyid, userid=userid, **overrides)

    first = [row(1, 1), row(1, 2), row(2, 1), row(2, 2), row(2, 3)]
    assert write(engine, changes(make_report(*first), NOTHING)) == {1: Written(created=2), 2: Written(created=3)}
    assert write(engine, changes(make_report(), stored.read([EVERYBODY], [1])), run_id=2) == {1: Written(deleted=2)}
    wanted = [row(1, 1), row(1, 7), row(2, 1, status="completed"), row(2, 2)]
    moved = changes(make_report(*wanted), stored.read([EVERYBODY], [1, 2]))
    written = write(engine, *moved.iter_slices(1), run_id=3)
    assert written == {1: Written(created=2), 2: Written(updated=1, deleted=1)}
    assert [each.rows for each in written.values()] == [2, 2]
