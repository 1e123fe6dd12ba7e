"""From each driver's errors to a SourceError that says what to do, and never the password.

The texts and codes are those that MariaDB 10.11, PostgreSQL 15, SQLite and the drivers really gave.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import adbc_driver_manager
import psycopg
import pymysql
import pytest
from adbc_driver_manager import AdbcStatusCode
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from alx_core.errors import SourceAccessDenied, SourceError, SourceSchemaError, SourceUnreachable
from alx_core.store.arrow import ArrowDatabase
from alx_pipeline.moodle.failures import describe, source_error

PASSWORD = "s3cr3t"
MYSQL = URL.create("mysql+pymysql", "reader", PASSWORD, "db.example.com", 3307, "moodle", query={"charset": "utf8mb4"})
POSTGRESQL = URL.create("postgresql+psycopg", "reader", PASSWORD, "db.example.com", database="moodle")
SQLITE = URL.create("sqlite", database="/srv/moodle.sqlite")


def mysql_error(code: int, text: str) -> pymysql.err.MySQLError:
    return pymysql.err.OperationalError(code, text)


def connectorx_error(text: str) -> RuntimeError:
    return RuntimeError(text)


def postgresql_error(sqlstate: str, text: str) -> psycopg.Error:
    return psycopg.errors.lookup(sqlstate)(text)


def adbc_error(text: str, sqlstate: str | None = None) -> adbc_driver_manager.Error:
    return adbc_driver_manager.OperationalError(text, status_code=AdbcStatusCode.IO, sqlstate=sqlstate)


CONNECT = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: '
LIBPQ = 'IO: [libpq] Failed to connect: connection to server at "127.0.0.1", port 5432 failed: '
NO_PG_HBA = 'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "reader", database "moodle", no encryption'

DENIED: dict[str, tuple[Exception, URL]] = {
    "mysql password": (mysql_error(1045, "Access denied for user 'r'@'h' (using password: YES)"), MYSQL),
    "mysql database": (mysql_error(1044, "Access denied for user 'r'@'%' to database 'moodle'"), MYSQL),
    "mysql socket": (mysql_error(1698, "Access denied for user 'root'@'localhost'"), MYSQL),
    "mysql table": (mysql_error(1142, "SELECT command denied to user 'r'@'h' for table `mdl_user`"), MYSQL),
    "mysql column": (mysql_error(1143, "SELECT command denied to user 'r'@'h' for column 'email'"), MYSQL),
    "connectorx password": (
        connectorx_error(
            "timed out waiting for connection: MySqlError { ERROR 1045 (28000): Access denied for user 'r'@'h' }"
        ),
        MYSQL,
    ),
    "connectorx table": (
        connectorx_error("MySqlError { ERROR 1142 (42000): SELECT command denied to user 'r'@'h' }"),
        MYSQL,
    ),
    "psycopg table": (postgresql_error("42501", "permission denied for table mdl_user"), POSTGRESQL),
    "psycopg authorization": (postgresql_error("28000", "role may not log in"), POSTGRESQL),
    "psycopg password": (
        psycopg.OperationalError(CONNECT + 'FATAL:  password authentication failed for user "reader"'),
        POSTGRESQL,
    ),
    "psycopg no password": (
        psycopg.OperationalError("connection failed: fe_sendauth: no password supplied"),
        POSTGRESQL,
    ),
    "adbc table": (adbc_error("UNAUTHORIZED: ERROR:  permission denied for table mdl_user", "42501"), POSTGRESQL),
    "adbc password": (adbc_error(LIBPQ + 'FATAL:  password authentication failed for user "reader"'), POSTGRESQL),
}

LACKING: dict[str, tuple[Exception, URL]] = {
    "mysql database": (mysql_error(1049, "Unknown database 'moodel'"), MYSQL),
    "mysql table": (pymysql.err.ProgrammingError(1146, "Table 'moodle.mdl_user' doesn't exist"), MYSQL),
    "mysql column": (mysql_error(1054, "Unknown column 'deletioninprogress' in 'SELECT'"), MYSQL),
    "connectorx database": (
        connectorx_error("timed out waiting for connection: MySqlError { ERROR 1049 (42000): Unknown database 'm' }"),
        MYSQL,
    ),
    "connectorx table": (
        connectorx_error("MySqlError { ERROR 1146 (42S02): Table 'moodle.mdl_user' doesn't exist }"),
        MYSQL,
    ),
    "connectorx column": (
        connectorx_error("MySqlError { ERROR 1054 (42S22): Unknown column 'nope' in 'SELECT' }"),
        MYSQL,
    ),
    "psycopg database": (psycopg.OperationalError(CONNECT + 'FATAL:  database "m" does not exist'), POSTGRESQL),
    "psycopg table": (postgresql_error("42P01", 'relation "mdl_user" does not exist'), POSTGRESQL),
    "psycopg column": (postgresql_error("42703", 'column "nope" does not exist'), POSTGRESQL),
    "adbc table": (adbc_error('NOT_FOUND: ERROR:  relation "mdl_user" does not exist', "42P01"), POSTGRESQL),
}

DOWN: dict[str, tuple[Exception, URL]] = {
    "mysql port": (mysql_error(2003, "Can't connect to MySQL server on 'h' ([Errno 111] Connection refused)"), MYSQL),
    "mysql gone": (mysql_error(2013, "Lost connection to MySQL server during query"), MYSQL),
    "mysql full": (mysql_error(1040, "Too many connections"), MYSQL),
    "connectorx port": (
        connectorx_error("timed out waiting for connection: DriverError { Could not connect to address `h:1' }"),
        MYSQL,
    ),
    "psycopg port": (psycopg.OperationalError(CONNECT + "Connection refused\n\tIs the server running?"), POSTGRESQL),
    "psycopg host": (psycopg.OperationalError("failed to resolve host 'h': [Errno -2] Name not known"), POSTGRESQL),
    "psycopg shut down": (postgresql_error("57P01", "terminating connection due to administrator command"), POSTGRESQL),
    "psycopg full": (postgresql_error("53300", "sorry, too many clients already"), POSTGRESQL),
    "adbc port": (adbc_error(LIBPQ + "Connection refused\n\tIs the server running?\n"), POSTGRESQL),
}

CONFLICT = "canceling statement due to conflict with recovery"
STANDBY: dict[str, tuple[Exception, URL]] = {
    "psycopg standby": (postgresql_error("40001", CONFLICT), POSTGRESQL),
    "adbc standby": (
        adbc_error(f"[libpq] Execution error [PGRES_FATAL_ERROR]: ERROR:  {CONFLICT}\nDETAIL:  User query might"),
        POSTGRESQL,
    ),
}
SLOW: dict[str, tuple[Exception, URL]] = {
    "mariadb": (mysql_error(1969, "Query execution was interrupted (max_statement_time exceeded)"), MYSQL),
    "mysql": (mysql_error(3024, "Query execution was interrupted, maximum statement execution time exceeded"), MYSQL),
    "connectorx": (connectorx_error("MySqlError { ERROR 1969 (70100): Query execution was interrupted }"), MYSQL),
    "psycopg": (postgresql_error("57014", "canceling statement due to statement timeout"), POSTGRESQL),
    "adbc": (adbc_error("[libpq] Error: canceling statement due to statement timeout", "57014"), POSTGRESQL),
}
LOCKED: dict[str, tuple[Exception, URL]] = {
    "mysql": (mysql_error(1205, "Lock wait timeout exceeded; try restarting transaction"), MYSQL),
    "connectorx": (connectorx_error("MySqlError { ERROR 1205 (HY000): Lock wait timeout exceeded }"), MYSQL),
    "psycopg": (postgresql_error("55P03", "canceling statement due to lock timeout"), POSTGRESQL),
    "adbc": (adbc_error("[libpq] Error: canceling statement due to lock timeout", "55P03"), POSTGRESQL),
}
DOWN |= STANDBY
DOWN |= {f"{name} too slow": each for name, each in SLOW.items()}
DOWN |= {f"{name} locked": each for name, each in LOCKED.items()}

KINDS: dict[type[SourceError], dict[str, tuple[Exception, URL]]] = {
    SourceAccessDenied: DENIED,
    SourceSchemaError: LACKING,
    SourceUnreachable: DOWN,
}
EVERY = [
    pytest.param(kind, error, url, id=f"{kind.__name__}: {name}")
    for kind, errors in KINDS.items()
    for name, (error, url) in errors.items()
]


@pytest.mark.parametrize(("kind", "error", "url"), EVERY)
def test_a_drivers_error_is(kind: type[SourceError], error: Exception, url: URL) -> None:
    assert type(source_error(error, url)) is kind


@pytest.mark.parametrize(("errors", "says"), [(SLOW, "for more than 120 s"), (LOCKED, "while Moodle is upgraded")])
def test_a_wait_that_was_given_up_is_told_as_such(errors: dict[str, tuple[Exception, URL]], says: str) -> None:
    for error, url in errors.values():
        told = str(source_error(error, url))
        assert says in told
        assert "Nothing was changed" in told
        assert "did not answer" not in told


@pytest.mark.parametrize(("kind", "error", "url"), EVERY)
def test_an_error_that_sqlalchemy_wrapped_is_the_same(kind: type[SourceError], error: Exception, url: URL) -> None:
    wrapped = OperationalError("SELECT email FROM mdl_user WHERE id = ?", (7,), error)
    assert type(source_error(wrapped, url)) is kind
    assert str(source_error(wrapped, url)) == str(source_error(error, url))
    assert "SELECT email" not in str(source_error(wrapped, url))


@pytest.mark.parametrize(
    ("error", "url"),
    [
        # psycopg gives a connection that failed no sqlstate (28000 here), so only the text can tell
        pytest.param(psycopg.OperationalError(CONNECT + 'FATAL:  role "reader" does not exist'), POSTGRESQL, id="role"),
        pytest.param(psycopg.OperationalError(CONNECT + NO_PG_HBA), POSTGRESQL, id="pg_hba.conf"),
        pytest.param(adbc_error(LIBPQ + NO_PG_HBA), POSTGRESQL, id="pg_hba.conf, adbc"),
        pytest.param(
            psycopg.OperationalError(CONNECT + 'FATAL:  Peer authentication failed for user "reader"'),
            POSTGRESQL,
            id="peer",
        ),
        pytest.param(mysql_error(1130, "Host '10.0.0.9' is not allowed to connect to this server"), MYSQL, id="host"),
    ],
)
def test_a_user_who_is_refused_in_other_words_is_refused_too(error: Exception, url: URL) -> None:
    assert type(source_error(error, url)) is SourceAccessDenied


# --- SQLite: the drivers themselves, they are at hand ---


def sqlite_error(path: Path, sql: str) -> sqlite3.Error:
    with (
        pytest.raises(sqlite3.Error) as caught,
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection,
    ):
        connection.execute(sql)
    return caught.value


def arrow_error(path: Path, sql: str) -> adbc_driver_manager.Error:
    database = ArrowDatabase(URL.create("sqlite", database=str(path)))
    with pytest.raises(adbc_driver_manager.Error) as caught, database.snapshot() as snapshot:
        list(snapshot.stream(sql))
    return caught.value


@pytest.fixture
def moodle_file(tmp_path: Path) -> Path:
    path = tmp_path / "moodle.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mdl_user (id INTEGER)")
    return path


@pytest.mark.parametrize("fail", [sqlite_error, arrow_error])
@pytest.mark.parametrize("sql", ["SELECT id FROM mdl_course", "SELECT email FROM mdl_user"])
def test_a_missing_table_or_column_of_a_file_is_a_schema_error(fail, sql: str, moodle_file: Path) -> None:
    error = source_error(fail(moodle_file, sql), SQLITE)
    assert type(error) is SourceSchemaError
    assert "mdl_course" in str(error) or "email" in str(error)


@pytest.mark.parametrize("fail", [sqlite_error, arrow_error])
def test_a_file_that_is_not_there_is_unreachable(fail, tmp_path: Path) -> None:
    assert type(source_error(fail(tmp_path / "nowhere.sqlite", "SELECT 1"), SQLITE)) is SourceUnreachable


@pytest.mark.parametrize("fail", [sqlite_error, arrow_error])
def test_a_file_that_is_no_database_is_unreachable(fail, tmp_path: Path) -> None:
    path = tmp_path / "moodle.sqlite"
    path.write_bytes(b"no database" * 1000)
    assert type(source_error(fail(path, "SELECT * FROM mdl_user"), SQLITE)) is SourceUnreachable


def test_a_file_that_somebody_keeps_locked_is_unreachable(moodle_file: Path) -> None:
    with closing(sqlite3.connect(moodle_file, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with closing(sqlite3.connect(moodle_file, timeout=0)) as reader, pytest.raises(sqlite3.Error) as caught:
            reader.execute("SELECT * FROM mdl_user")
    assert type(source_error(caught.value, SQLITE)) is SourceUnreachable


# --- what it says ---


@pytest.mark.parametrize(("kind", "error", "url"), EVERY)
def test_the_message_says_where_what_and_which_setting_to_look_at(
    kind: type[SourceError], error: Exception, url: URL
) -> None:
    message = str(source_error(error, url))
    assert "db.example.com" in message
    assert "ALX_MOODLE_URL" in message
    assert "\n" not in message
    assert ("ALX_MOODLE_PREFIX" in message) is (kind is SourceSchemaError)
    assert ("catches up by itself" in message) is (kind is SourceUnreachable)


@pytest.mark.parametrize(("error", "url"), STANDBY.values(), ids=STANDBY)
def test_a_standby_that_breaks_a_read_off_is_told_to_wait_for_it(error: Exception, url: URL) -> None:
    assert "hot_standby_feedback = on" in str(source_error(error, url))


@pytest.mark.parametrize(("kind", "error", "url"), EVERY)
def test_the_password_is_not_in_the_message(kind: type[SourceError], error: Exception, url: URL) -> None:  # noqa: ARG001
    assert PASSWORD not in str(source_error(error, url))


@pytest.mark.parametrize(
    "error",
    [
        connectorx_error(f"invalid url mysql://reader:{PASSWORD}@db.example.com/moodle"),
        adbc_error(f'IO: [libpq] invalid connection option in "postgresql://reader:{PASSWORD}@h/m"'),
        psycopg.OperationalError(f'missing "=" after "reader:{PASSWORD}@db.example.com"'),
        mysql_error(2003, f"can't connect with {PASSWORD}"),
    ],
)
def test_a_password_that_a_driver_quotes_is_blotted_out(error: Exception) -> None:
    message = str(source_error(error, MYSQL))
    assert PASSWORD not in message
    assert "***" in message


def test_a_password_that_a_driver_quotes_as_part_of_an_url_is_blotted_out() -> None:
    url = MYSQL.set(password="p@ss/word")
    quoted = url.set(drivername="mysql", query={}).render_as_string(hide_password=False)
    assert "p%40ss" in quoted
    assert "p%40ss" not in str(source_error(connectorx_error(f"invalid url {quoted}"), url))


def test_an_error_without_a_text_is_named() -> None:
    assert "TimeoutError" in str(source_error(TimeoutError(), MYSQL))


def test_a_url_without_a_password_blots_out_nothing() -> None:
    message = str(
        source_error(mysql_error(2003, "down"), URL.create("mysql+pymysql", "reader", host="db", database="m"))
    )
    assert "(2003, 'down')" in message
    assert "***" not in message


@pytest.mark.parametrize(
    ("url", "where"),
    [
        (MYSQL, "mysql://reader:***@db.example.com:3307/moodle"),
        (POSTGRESQL, "postgresql://reader:***@db.example.com/moodle"),
        (SQLITE, "/srv/moodle.sqlite"),
        (URL.create("sqlite", database="file:/srv/moodle.sqlite"), "/srv/moodle.sqlite"),
    ],
)
def test_a_database_is_described_as_people_may_see_it(url: URL, where: str) -> None:
    assert describe(url) == where
