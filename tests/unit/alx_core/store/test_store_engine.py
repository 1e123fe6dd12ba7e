"""Engines: SQLite set up for a server's work, and errors that say what to do."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from alx_core.errors import SettingsError, StoreUnreachable
from alx_core.settings import Settings
from alx_core.store.arrow import ArrowDatabase
from alx_core.store.engine import connect, driver_of, is_postgresql, make_engine, open_engine, shown, transaction
from alx_pipeline.dagster_home import storage_url
from alx_pipeline.moodle.source import make_moodle_engine
from api_server.database import make_api_engine
from support.reporting_databases import KINDS_OF_DATABASE, reporting_database

PASSWORD = "s3cr3t"
ENGINES = [make_engine, make_api_engine, make_moodle_engine]
CLOSED = URL.create("postgresql+psycopg", "alx", PASSWORD, host="127.0.0.1", port=1, database="alx")


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database with one table, `thing`, that holds the number 1."""
    with reporting_database(request.param, tmp_path_factory.mktemp("engine")) as url, open_engine(url) as made:
        with transaction(made) as connection:
            connection.execute(text("CREATE TABLE thing (number INTEGER PRIMARY KEY)"))
            connection.execute(text("INSERT INTO thing VALUES (1)"))
        yield made


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    with open_engine(URL.create("sqlite", database=str(tmp_path / "alx.sqlite"))) as made:
        yield made


def numbers(engine: Engine) -> list[int]:
    with connect(engine) as connection:
        return list(connection.scalars(text("SELECT number FROM thing ORDER BY 1")))


def test_a_transaction_is_committed_at_its_end(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(text("INSERT INTO thing VALUES (2)"))
    assert 2 in numbers(engine)


def test_a_transaction_that_fails_leaves_nothing_behind(engine: Engine) -> None:
    before = numbers(engine)
    with pytest.raises(IntegrityError), transaction(engine) as connection:  # noqa: PT012  # the second one fails
        connection.execute(text("INSERT INTO thing VALUES (3)"))
        connection.execute(text("INSERT INTO thing VALUES (1)"))
    assert numbers(engine) == before


def test_an_error_in_a_statement_stays_what_it_is(engine: Engine) -> None:
    with pytest.raises(IntegrityError), transaction(engine) as connection:
        connection.execute(text("INSERT INTO thing VALUES (1)"))
    with pytest.raises(Exception, match="nowhere") as caught, connect(engine) as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    assert not isinstance(caught.value, StoreUnreachable)


def test_a_reader_sees_one_moment(engine: Engine) -> None:
    level = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with connect(engine) as reading:
        snapshot = reading.execution_options(**level)
        before = snapshot.scalar(text("SELECT count(*) FROM thing"))
        with transaction(engine) as writing:
            writing.execute(text("INSERT INTO thing SELECT max(number) + 1 FROM thing"))
        assert snapshot.scalar(text("SELECT count(*) FROM thing")) == before
    assert len(numbers(engine)) == before + 1


def test_the_kind_of_database_is_told(engine: Engine) -> None:
    with connect(engine) as connection:
        assert is_postgresql(connection) is (engine.dialect.name == "postgresql")


def test_a_server_that_is_down_is_unreachable_and_the_message_says_where_without_the_password() -> None:
    with open_engine(CLOSED) as engine, pytest.raises(StoreUnreachable) as caught, connect(engine):
        pytest.fail("no server, no connection")
    message = str(caught.value)
    assert "127.0.0.1:1/alx" in message
    assert "ALX_DATABASE_URL" in message
    assert PASSWORD not in message
    assert "\n" not in message
    assert caught.value.is_transient


@pytest.mark.parametrize("make", ENGINES)
def test_the_error_of_a_statement_shows_none_of_its_values(engine: Engine, make: Callable[[URL], Engine]) -> None:
    made = make(engine.url)
    with made.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("SELECT :value FROM nothing"), {"value": PASSWORD})
    made.dispose()
    assert "nothing" in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("make", [make_engine, make_api_engine])
def test_postgresql_compiles_no_statement(tmp_path: Path, make: Callable[[URL], Engine]) -> None:
    with reporting_database("postgresql", tmp_path) as url:
        made = make(url)
        with made.connect() as connection:
            assert connection.scalar(text("SHOW jit")) == "off"
        made.dispose()


@pytest.mark.slow
def test_the_options_of_pgoptions_hold_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-csearch_path=reports")
    with reporting_database("postgresql", tmp_path) as url, open_engine(url) as engine, engine.connect() as connection:
        assert connection.scalar(text("SHOW search_path")) == "reports"


@pytest.mark.slow
@pytest.mark.parametrize("make", ENGINES)
def test_the_options_of_a_postgresql_url_hold_in_every_engine(tmp_path: Path, make: Callable[[URL], Engine]) -> None:
    with reporting_database("postgresql", tmp_path) as url:
        made = make(url.update_query_dict({"options": "-csearch_path=reports"}))
        with made.connect() as connection:
            assert connection.scalar(text("SHOW search_path")) == "reports"
        made.dispose()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (make_engine, "alx"),
        (make_moodle_engine, "alx"),
        (make_api_engine, "alx api"),
        (lambda url: create_engine(storage_url(url)), "alx dagster"),
    ],
)
def test_postgresql_is_told_whose_connection_it_is_but_for_a_name_of_the_url(
    tmp_path: Path, make: Callable[[URL], Engine], name: str
) -> None:
    with reporting_database("postgresql", tmp_path) as url:
        shown_names = []
        for each in (url, url.update_query_dict({"application_name": "reports"})):
            made = make(each)
            with made.connect() as connection:
                shown_names.append(connection.scalar(text("SHOW application_name")))
            made.dispose()
    assert shown_names == [name, "reports"]


@pytest.mark.slow
@pytest.mark.parametrize("make", ENGINES)
def test_texts_are_utf8_whatever_the_surroundings_ask_for(tmp_path: Path, make: Callable[[URL], Engine]) -> None:
    with reporting_database("postgresql", tmp_path) as url:
        made = make(url.update_query_dict({"client_encoding": "latin1"}))
        with made.connect() as connection:
            encoding = connection.scalar(text("SHOW client_encoding"))
        made.dispose()
    assert encoding == "UTF8"


@pytest.mark.slow
def test_a_primary_and_its_standbys_are_one_database_to_every_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of the two is not there; the URL is written as PostgreSQL's own clients have it."""
    with reporting_database("postgresql", tmp_path) as url:
        hosts = f"127.0.0.1:1,{url.host}:{url.port}"
        user = f"{url.username}:{url.password or 'p%40ss'}"
        monkeypatch.setenv("ALX_DATABASE_URL", f"postgresql://{user}@{hosts}/{url.database}?connect_timeout=3")
        several = Settings(home=tmp_path).database
        for made in (*(make(several) for make in ENGINES), create_engine(storage_url(several))):
            with made.connect() as connection:
                assert connection.scalar(text("SELECT current_database()")) == url.database
            made.dispose()
        database = ArrowDatabase(several)
        with database.snapshot() as snapshot:
            assert [frame.rows() for frame in snapshot.stream("SELECT 7 AS number")] == [[(7,)]]
        database.close()
    assert shown(several) == f"postgresql://{url.username}:***@{hosts}/{url.database}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "postgresql://alx@/alx"),
        ("?host=/run/postgresql", "postgresql://alx@/alx"),
        ("?host=db.example.com&port=1", "postgresql://alx@db.example.com/alx"),
        ("?host=a:1&host=b:2&sslmode=require", "postgresql://alx@a:1,b:2/alx"),
    ],
)
def test_hosts_are_shown_wherever_in_the_url_they_stand(query: str, expected: str) -> None:
    assert shown(make_url(f"postgresql+psycopg://alx@/alx{query}")) == expected


def test_a_url_is_shown_as_people_write_it_without_password_driver_and_options() -> None:
    url = make_url("postgresql+psycopg://alx:secret@db.example.com/alx?sslpassword=secret")
    assert shown(url) == "postgresql://alx:***@db.example.com/alx"


def ask(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))


def copy(connection: Connection) -> None:
    """As the rows of a sync are written, past SQLAlchemy."""
    with driver_of(connection) as driver, driver.cursor() as cursor, cursor.copy("COPY thing FROM STDIN") as rows:
        rows.write(b"1\n")


@pytest.mark.slow
@pytest.mark.parametrize("use", [ask, copy])
def test_a_server_that_goes_away_in_the_middle_is_unreachable(
    tmp_path: Path, use: Callable[[Connection], None]
) -> None:
    with reporting_database("postgresql", tmp_path) as url, open_engine(url) as engine, open_engine(url) as killer:
        with pytest.raises(StoreUnreachable), connect(engine) as connection:  # noqa: PT012  # any statement may
            pid = connection.scalar(text("SELECT pg_backend_pid()"))
            with connect(killer) as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            use(connection)
        with connect(engine) as connection:
            assert connection.scalar(text("SELECT 1")) == 1


def test_a_sqlite_file_that_cannot_be_opened_is_unreachable(tmp_path: Path) -> None:
    with (
        open_engine(URL.create("sqlite", database=str(tmp_path))) as engine,
        pytest.raises(StoreUnreachable, match="unable to open"),
        connect(engine),
    ):
        pytest.fail("a folder is no database")


def test_a_file_that_is_no_sqlite_database_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database, and long enough to be read as one" * 100)
    with (
        open_engine(URL.create("sqlite", database=str(tmp_path / "notes.txt"))) as engine,
        pytest.raises(StoreUnreachable, match="not a database"),
        connect(engine),
    ):
        pytest.fail("a text is no database")


@pytest.mark.slow
def test_an_option_that_the_server_does_not_know_is_unreachable(tmp_path: Path) -> None:
    with (
        reporting_database("postgresql", tmp_path) as url,
        open_engine(url.update_query_dict({"colour": "red"})) as engine,
        pytest.raises(StoreUnreachable, match="colour"),
        connect(engine),
    ):
        pytest.fail("libpq has no such option")


@pytest.mark.parametrize("driver", [
    "postgresql+nonsense", "postgresql+pg8000", "sqlite+pysqlcipher",  # not there
    "postgresql+psycopg2", "postgresql+asyncpg",  # there, or could be; a sync would fail with it
])  # fmt: skip
def test_a_driver_that_can_not_serve_is_a_wrong_setting_that_names_the_way_out(driver: str) -> None:
    with pytest.raises(SettingsError, match=rf"Write {driver.partition('+')[0]}://"):
        make_engine(URL.create(driver, host="127.0.0.1", database="alx"))


def test_making_an_engine_connects_to_nothing() -> None:
    make_engine(CLOSED).dispose()


def test_an_engine_that_was_opened_leaves_no_connection_behind(tmp_path: Path) -> None:
    with open_engine(URL.create("sqlite", database=str(tmp_path / "alx.sqlite"))) as engine:
        numbers_of_pool = engine.pool
        with connect(engine) as connection:
            connection.execute(text("SELECT 1"))
        assert numbers_of_pool.checkedin() == 1  # type: ignore[attr-defined]  # a QueuePool
    assert numbers_of_pool.checkedin() == 0  # type: ignore[attr-defined]


# --- SQLite ---


def test_sqlites_folder_is_made(tmp_path: Path) -> None:
    make_engine(URL.create("sqlite", database=str(tmp_path / "a" / "b" / "alx.sqlite"))).dispose()
    assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_that_cannot_be_made_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"file can't be made: .*ALX_HOME"):
        make_engine(URL.create("sqlite", database=str(tmp_path / "file" / "alx.sqlite")))


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1)])
def test_sqlite_is_set_up_for_a_server(sqlite: Engine, pragma: str, value: object) -> None:
    with connect(sqlite) as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_a_transaction_on_sqlite_has_the_writers_place_before_its_first_statement(sqlite: Engine) -> None:
    with (
        transaction(sqlite),
        closing(sqlite3.connect(str(sqlite.url.database), timeout=0, isolation_level=None)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_a_mere_connection_to_sqlite_keeps_no_writer_out(sqlite: Engine) -> None:
    with (
        connect(sqlite) as connection,
        closing(sqlite3.connect(str(sqlite.url.database), timeout=0, isolation_level=None)) as other,
    ):
        connection.execute(text("SELECT 1"))
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")


def test_a_transaction_on_sqlite_waits_for_the_writer_before_it(sqlite: Engine) -> None:
    """Half a minute by default; a short one here shows that it is the driver's own patience."""
    impatient = create_engine(sqlite.url, connect_args={"timeout": 0})
    with closing(sqlite3.connect(str(sqlite.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"), transaction(impatient) as connection:
            connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
        other.execute("ROLLBACK")
    impatient.dispose()
    with sqlite.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


@pytest.mark.slow
def test_a_server_that_vanishes_is_waited_for_as_long_as_is_set_and_the_url_may_say_otherwise(tmp_path: Path) -> None:
    limits = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
    with reporting_database("postgresql", tmp_path) as url:
        for address, expected in (
            (url, ["10", "5", "3", "30000"]),
            (url.update_query_dict({"tcp_user_timeout": "9000"}), ["10", "5", "3", "9000"]),
        ):
            with open_engine(address) as engine, connect(engine) as connection:
                driver = connection.connection.driver_connection
                assert driver is not None
                assert [driver.info.get_parameters()[name] for name in limits] == expected
