"""The readers: whatever the way, the same rows with the same types, and nothing unreadable that passes for a number."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal
from sqlalchemy import Dialect, create_engine
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.elements import CompilerElement

from alx_core.domain.bad_records import Reason
from alx_core.domain.learners import EVERYBODY, LearnerRange
from alx_core.domain.progress import LEARNER_TABLES, SNAPSHOT_COLUMNS, Snapshot
from alx_core.domain.quarantine import inspect
from alx_core.services.sync.source import TEXT_SUFFIX, merge_texts
from alx_pipeline.moodle.inspection import Site
from alx_pipeline.moodle.queries import MoodleTables
from alx_pipeline.moodle.readers import (
    ArrowReader,
    ConnectorxReader,
    PymysqlReader,
    Reader,
    _sql,
    _tagged_union,
    make_mysql_reader,
)
from support.builders import (
    LEARNER,
    by_table,
    load_moodle,
    make_course_completion,
    make_many_learners,
    make_module_completion,
    make_snapshot,
)
from support.random_sites import snapshots

pytestmark = pytest.mark.slow

MYSQL: Dialect = mysql.dialect()
TABLES = MoodleTables("mdl_", has_modules=True)
MYSQL_URL = URL.create("mysql+pymysql", "reader", "s3cr3t", "db", database="moodle", query={"charset": "utf8mb4"})


class ConnectorxOverSqlite(ConnectorxReader):
    """Sends the SQL that MariaDB would get to SQLite, and hands out its rows in small batches."""

    def __init__(self, path: Path, *, batch_rows: int = 3) -> None:
        super().__init__(MYSQL_URL, MYSQL, prepare=[])
        self.path = path
        self.batch_rows = batch_rows
        self.statements: list[str] = []

    def _batches(self, query: CompilerElement) -> Iterator[pl.DataFrame]:
        self.statements.append(_sql(query, self._dialect))
        with closing(sqlite3.connect(self.path)) as connection:
            cursor = connection.execute(self.statements[-1])
            names, rows = [each[0] for each in cursor.description], cursor.fetchall()
        for first in range(0, len(rows), self.batch_rows):
            yield pl.DataFrame(
                rows[first : first + self.batch_rows], schema=names, orient="row", infer_schema_length=None
            )


def write_moodle(path: Path, snapshot: Snapshot) -> Path:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    load_moodle(engine, snapshot)
    return path


def arrow_reader(path: Path) -> ArrowReader:
    url = URL.create("sqlite", database=str(path))
    return ArrowReader(url, create_engine(url).dialect)


def read(reader: Reader, *learners: LearnerRange) -> Snapshot:
    batches = list(reader.stream(TABLES.scan_queries(learners)))
    reader.close()
    return {name: merge_texts(name, batches) for name in SNAPSHOT_COLUMNS}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "moodle.sqlite"


# --- the tagged union, taken apart ---


@pytest.mark.parametrize("learners", [[EVERYBODY], [LearnerRange(0, 50), LearnerRange(300, 2**63 - 1)]])
def test_the_tagged_union_of_the_real_site_is_taken_apart_into_the_same_frames(
    site_file: Path, learners: list[LearnerRange]
) -> None:
    plain = read(arrow_reader(site_file), *learners)
    union = read(ConnectorxOverSqlite(site_file, batch_rows=1000), *learners)
    assert plain["user"].height > 50
    for name in SNAPSHOT_COLUMNS:
        assert_frame_equal(union[name], plain[name], check_row_order=False)


@settings(max_examples=8)
@given(snapshot=snapshots())
def test_any_site_is_read_as_it_is_by_both_readers(snapshot: Snapshot, tmp_path_factory) -> None:
    path = write_moodle(tmp_path_factory.mktemp("site") / "moodle.sqlite", snapshot)
    expected = dict(snapshot)
    for name in ("enrol", "user_enrolments"):
        expected[name] = expected[name].filter(pl.col("status") == 0)
    expected["course_modules_completion"] = expected["course_modules_completion"].filter(pl.col("completionstate") > 0)
    for make in (arrow_reader, ConnectorxOverSqlite):
        assert by_table(read(make(path), EVERYBODY)) == by_table(expected)


def test_all_numbers_come_in_one_statement_and_the_texts_after_it(path: Path) -> None:
    """One statement sees one snapshot; connectorx can't keep two in one transaction."""
    reader = ConnectorxOverSqlite(write_moodle(path, make_snapshot()))
    names = [name for name, _ in reader.stream(TABLES.scan_queries([EVERYBODY]))]
    union, *texts = reader.statements
    assert union.count("UNION ALL") == len(SNAPSHOT_COLUMNS) - 1
    assert [statement.split("FROM")[1].split()[0] for statement in texts] == ["mdl_user", "mdl_course", "mdl_company"]
    assert names.index("user" + TEXT_SUFFIX) > max(names.index(name) for name in ("user", "course", "company"))


def test_the_texts_are_read_for_the_learners_asked_for_alone(path: Path) -> None:
    reader = ConnectorxOverSqlite(write_moodle(path, make_snapshot(**make_many_learners(5))))
    batches = list(reader.stream(TABLES.scan_queries([LearnerRange(LEARNER + 1, LEARNER + 2)])))
    users = merge_texts("user", [each for each in batches if each[0].startswith("user")])
    assert users["username"].to_list() == ["u101", "u102"]
    assert sum(frame.height for name, frame in batches if name == "user" + TEXT_SUFFIX) == 2


def test_every_part_of_the_union_is_equally_wide() -> None:
    queries = TABLES.scan_queries([EVERYBODY])
    parts = _sql(_tagged_union(queries), MYSQL).split("UNION ALL")
    widest = max(len(columns) for columns in SNAPSHOT_COLUMNS.values())
    assert {part.split("FROM")[0].count(" AS ") for part in parts} == {widest + 1}


def read_while(path: Path, statement: str) -> Snapshot:
    """What is read when Moodle changes between the numbers and the texts."""
    batches = []
    for name, batch in ConnectorxOverSqlite(path).stream(TABLES.scan_queries([EVERYBODY])):
        batches.append((name, batch))
        if name == "user":
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute(statement)
    return {name: merge_texts(name, batches) for name in SNAPSHOT_COLUMNS}


@pytest.mark.parametrize("table", ["user", "course", "company"])
@pytest.mark.parametrize("where", ["id > 0", f"id <> {LEARNER + 1}"])
def test_what_goes_between_the_numbers_and_the_texts_is_gone(path: Path, table: str, where: str) -> None:
    """A row without its texts would be a course or learner without a name."""
    write_moodle(path, make_snapshot(**make_many_learners(3)))
    assert read_while(path, f"DELETE FROM mdl_{table} WHERE {where}")[table].height == (
        "<>" in where and table == "user"
    )


def test_an_account_deleted_between_the_numbers_and_the_texts_is_deleted(path: Path) -> None:
    """Core overwrites its name and e-mail address: they must not be reported as those of a learner."""
    write_moodle(path, make_snapshot(**make_many_learners(2)))
    gone = f"UPDATE mdl_user SET deleted = 1, username = 'u101@example.com.1', email = 'x' WHERE id = {LEARNER + 1}"
    rows = read_while(path, gone)["user"].sort("id").select("deleted", "username").rows()
    assert rows == [(0, "u100"), (1, "u101@example.com.1")]


@pytest.mark.parametrize("make", [arrow_reader, ConnectorxOverSqlite])
def test_tables_without_rows_have_their_columns_all_the_same(make, path: Path) -> None:
    empty = make_snapshot(**dict.fromkeys(SNAPSHOT_COLUMNS, ()))
    for name, frame in read(make(write_moodle(path, empty)), EVERYBODY).items():
        assert_frame_equal(frame, empty[name])


@pytest.mark.parametrize("make", [arrow_reader, ConnectorxOverSqlite])
def test_null_stays_null_and_the_largest_number_stays_itself(make, path: Path) -> None:
    rows = [
        make_course_completion(timecompleted=None),
        make_course_completion(userid=LEARNER + 1, timecompleted=2**63 - 1),
    ]
    found = read(make(write_moodle(path, make_snapshot(course_completions=rows))), EVERYBODY)["course_completions"]
    assert found.sort("userid").to_dicts() == rows


# --- what SQLite lets into a column ---

NO_NUMBERS = ["1.5", "X'00FF'", "''", "'12 o''clock'", "9e99"]
SPOILT = [
    ("user", "suspended"),
    ("user_enrolments", "timeend"),
    ("course_modules_completion", "timemodified"),
    ("course_completions", "timecompleted"),
    ("company_users", "companyid"),
    ("course", "visible"),
    ("course_modules", "deletioninprogress"),
    ("modules", "visible"),
    ("enrol", "courseid"),
    ("company", "suspended"),
    ("company_course", "courseid"),
    ("iomad_courses", "shared"),
]


def spoilt_site(path: Path, table: str, column: str, sql: str) -> Path:
    snapshot = make_snapshot(
        course_modules_completion=[make_module_completion()], course_completions=[make_course_completion()]
    )
    write_moodle(path, snapshot)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE mdl_{table} SET {column} = {sql}")
    return path


@pytest.mark.parametrize(
    ("table", "column", "sql"),
    [*((*each, "'soon'") for each in SPOILT), *(("user_enrolments", "timeend", each) for each in NO_NUMBERS)],
)
def test_what_is_not_a_number_becomes_a_bad_record(table: str, column: str, sql: str, path: Path) -> None:
    inspection = inspect(read(arrow_reader(spoilt_site(path, table, column, sql)), EVERYBODY))
    assert {(bad.table, bad.column, bad.reason) for bad in inspection.bad} == {(table, column, Reason.NOT_A_NUMBER)}


@pytest.mark.parametrize("sql", ["'7'", "7", "7.0", "' 7 '"])
def test_what_sqlite_itself_turns_into_a_number_is_one(sql: str, path: Path) -> None:
    found = read(arrow_reader(spoilt_site(path, "user_enrolments", "timeend", sql)), EVERYBODY)
    assert found["user_enrolments"]["timeend"].to_list() == [7]


def test_a_bad_value_among_many_good_ones_spoils_its_own_record_alone(path: Path) -> None:
    write_moodle(path, make_snapshot(**make_many_learners(50)))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE mdl_user_enrolments SET timestart = 'soon' WHERE userid = {LEARNER + 7}")
    inspection = inspect(read(arrow_reader(path), EVERYBODY))
    assert [bad.userid for bad in inspection.bad] == [LEARNER + 7]
    assert inspection.snapshot["user_enrolments"].height == 49


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("12", "12"),
        ("CAST(X'41FF42' AS TEXT)", "A\ufffdB"),
        ("'Łukasz \U0001f393'", "Łukasz \U0001f393"),
        ("NULL", None),
        ("''", ""),
    ],
)
def test_a_text_is_read_as_text_whatever_it_is(sql: str, text: str | None, path: Path) -> None:
    found = read(arrow_reader(spoilt_site(path, "user", "firstname", sql)), EVERYBODY)
    assert found["user"]["firstname"].to_list() == [text]


@pytest.mark.parametrize(
    "sql",
    [
        "X'C581756B61737A'",
        "X''",
        "X'41FF42'",
    ],
)
def test_bytes_in_a_text_column_do_not_stop_a_sync(sql: str, path: Path) -> None:
    write_moodle(path, make_snapshot(**make_many_learners(5)))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE mdl_user SET firstname = {sql} WHERE id = {LEARNER + 1}")
    users = read(arrow_reader(path), EVERYBODY)["user"].sort("id")
    assert users["id"].to_list() == list(range(LEARNER, LEARNER + 5))
    assert users["firstname"].drop_nulls().to_list().count("Ada") == 4


def test_a_nul_in_a_text_becomes_a_bad_record(path: Path) -> None:
    site = spoilt_site(path, "user", "firstname", "'a' || char(0) || 'b'")
    (bad,) = inspect(read(arrow_reader(site), EVERYBODY)).bad
    assert (bad.table, bad.column, bad.reason, bad.userid) == ("user", "firstname", Reason.NUL_IN_TEXT, LEARNER)


def test_a_scan_sees_one_moment_of_a_file_that_is_written_to(path: Path) -> None:
    write_moodle(path, make_snapshot())
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        reader, seen = arrow_reader(path), {}
        for name, batch in reader.stream(TABLES.scan_queries([EVERYBODY])):
            if name == "user":
                for table in LEARNER_TABLES:
                    writer.execute(f"DELETE FROM mdl_{table}")
            seen[name] = batch.height
        reader.close()
    assert {name: seen.get(name, 0) for name in ("user", "user_enrolments", "company_users")} == {
        "user": 1,
        "user_enrolments": 1,
        "company_users": 1,
    }


def test_a_file_is_never_made_and_never_written(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="failed to open"):
        read(arrow_reader(tmp_path / "nowhere.sqlite"), EVERYBODY)
    assert list(tmp_path.iterdir()) == []


# --- which reader ---


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (MYSQL_URL, ConnectorxReader),
        (MYSQL_URL.set(query={}), ConnectorxReader),
        (MYSQL_URL.update_query_dict({"ssl_ca": "/ca.pem"}), ConnectorxReader),
        (MYSQL_URL.update_query_dict({"ssl-cert": "/me.pem", "ssl-key": "/me.key"}), PymysqlReader),
        (MYSQL_URL.update_query_dict({"unix_socket": "/run/mysqld.sock"}), ConnectorxReader),
        (MYSQL_URL.update_query_dict({"read_timeout": "30"}), PymysqlReader),
    ],
)
def test_the_reader_fits_the_options(url: URL, kind: type[Reader]) -> None:
    engine = create_engine(url)
    reader = make_mysql_reader(url, engine, Site("db", "mdl_", is_mariadb=True))
    assert type(reader) is kind
    reader.close()
    engine.dispose()


@pytest.mark.parametrize(
    ("is_mariadb", "limit"),
    [
        (True, "max_statement_time = 120, mrr_buffer_size = 8388608"),
        (False, "max_execution_time = 120000, range_optimizer_max_mem_size = 0"),
    ],
)
def test_a_statement_has_its_limits_and_fetches_rows_as_they_lie(is_mariadb: bool, limit: str) -> None:
    """MariaDB counts seconds, MySQL milliseconds; MySQL alone gives an index up for a list of many ids."""
    engine = create_engine(MYSQL_URL)
    reader = make_mysql_reader(MYSQL_URL, engine, Site("db", "mdl_", is_mariadb=is_mariadb))
    assert isinstance(reader, ConnectorxReader)
    read_only, settings = reader._prepare
    assert read_only == "SET SESSION TRANSACTION READ ONLY"
    assert settings.startswith(f"SET SESSION lock_wait_timeout = 45, {limit}, ")
    assert "mrr=on,mrr_cost_based=off" in settings
    engine.dispose()
