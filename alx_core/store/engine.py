"""Engines on the reporting database, and the errors of a database that does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from alx_core.errors import SettingsError, StoreUnreachable
from alx_core.faults import first_line
from alx_core.settings import DRIVERS

if TYPE_CHECKING:
    from psycopg import Connection as PostgresqlConnection
    from sqlalchemy.dialects import postgresql, sqlite

CONNECT_TIMEOUT_S = 10
SQLITE_BUSY_TIMEOUT_S = 30
GONE_AFTER = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""libpq's limits to waiting for a server that vanished without a word: 25 s for an answer, 30 s (here in milliseconds)
for a receipt. The system's own are two hours and a quarter of one."""
GONE_CLIENT = {name if name.startswith("tcp_") else f"tcp_{name}": value for name, value in GONE_AFTER.items()}
"""PostgreSQL's own limits to waiting for a client that vanished, by nearly the same names. As long it keeps the
session's locks, and nobody could take the place of a host that lost its power in the middle of a sync."""
SEVERAL = "several.hosts.invalid"
"""Stands where in a URL hosts are written that SQLAlchemy keeps in its query."""
PROGRAM = "alx"
"""What PostgreSQL's administrators see a connection by; the API's and Dagster's say so themselves."""
SESSION = {"jit": "off", **GONE_CLIENT}
"""Settings of a session on PostgreSQL. It compiles what it takes for costly, without statistics nearly everything:
60 ms, to save none."""
UTF8 = {"client_encoding": "utf8"}
"""How texts go to and from PostgreSQL, whatever its database, PGCLIENTENCODING or the URL say: frames are UTF-8."""


def make_engine(url: URL) -> Engine:
    """Make an engine on the reporting database. It does not connect yet; SQLite's folder is made when missing.

    Its errors go to logs, so they leave a statement's values out: names, hashes of tokens.
    Raises SettingsError: no such driver or folder.
    """
    require_driver(url)
    if url.get_backend_name() == "sqlite":
        _make_folder(url)
        engine = create_engine(url, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_S}, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(url, pool_pre_ping=True, connect_args=libpq_options(url), hide_parameters=True)
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def require_driver(url: URL) -> None:
    """Raise SettingsError when `url` names a driver that this program does not work with."""
    if url.drivername not in DRIVERS.values():  # a sync's COPY and the API's statements are psycopg 3's
        raise SettingsError(
            f"The driver {url.drivername} can't be used here. Write {url.get_backend_name()}://, and the right one is "
            "taken."
        )


def libpq_options(url: URL, program: str = PROGRAM) -> dict[str, object]:
    """Return what each connection to PostgreSQL begins with: limits to waiting, the program's name, the encoding.

    The URL's own prevail but for the encoding; so does PGAPPNAME over `program`, which pg_stat_activity and logs show.
    """
    own = {"connect_timeout": CONNECT_TIMEOUT_S, **GONE_AFTER, "fallback_application_name": program}
    return {**{name: value for name, value in own.items() if name not in url.query}, **UTF8}


@contextmanager
def open_engine(url: URL) -> Iterator[Engine]:
    """Yield an engine on the reporting database and close all its connections at the end."""
    engine = make_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def connect(engine: Engine) -> Iterator[Connection]:
    """Yield a connection. A server that can't be reached, or goes away, is StoreUnreachable, which says what to do."""
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise unreachable(engine.url, error) from error
    with connection:
        try:
            yield connection
        except DBAPIError as error:
            if error.connection_invalidated:
                raise unreachable(engine.url, error) from error
            raise


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that writes: committed at the end, rolled back on an error.

    On SQLite it takes the writer's place at once: one that began by reading could find itself locked out later.
    """
    with connect(engine) as connection:
        writing = connection.execution_options(sqlite_begin="IMMEDIATE")
        with writing.begin():
            yield writing


@contextmanager
def atomic(connection: Connection) -> Iterator[None]:
    """Run statements of a connection in autocommit as one transaction: committed at the end, undone by an error."""
    connection.exec_driver_sql("BEGIN" if is_postgresql(connection) else "BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if not connection.invalidated:
            connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


@contextmanager
def driver_of(connection: Connection) -> Iterator[Any]:
    """Yield the driver's own connection, for what SQLAlchemy has no way to say. Its errors come as SQLAlchemy's."""
    try:
        yield connection.connection.driver_connection
    except connection.dialect.loaded_dbapi.Error as error:
        raise wrapped(connection, error) from error


def wrapped(connection: Connection, error: Exception, *, sql: str | None = None, cursor: Any = None) -> Exception:
    """Return a driver's error as SQLAlchemy would raise it; a connection that is gone is let go.

    Values stay out of the message.
    """
    dialect = connection.dialect
    is_gone = dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)  # type: ignore[arg-type]
    made = DBAPIError.instance(
        sql, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=is_gone,
        dialect=dialect,
    )  # fmt: skip
    if is_gone:
        connection.invalidate(error)
    return made


def shown(url: URL) -> str:
    """Return a database's URL as people may see it and as they wrote it: no password, no driver, no options."""
    plain = url.set(drivername=url.get_backend_name(), query={})
    hosts = [each for each in url.normalized_query.get("host", ()) if not each.startswith("/")]
    if url.host or not hosts:
        return plain.render_as_string(hide_password=True)
    return plain.set(host=SEVERAL).render_as_string(hide_password=True).replace(SEVERAL, ",".join(hosts))


def unreachable(url: URL, error: Exception) -> StoreUnreachable:
    """Build the message for a reporting database that did not answer; `error` is SQLAlchemy's or a driver's."""
    return StoreUnreachable(
        f"The reporting database {shown(url)} did not answer: {first_line(error)}. "
        "Check ALX_DATABASE_URL and that the server runs."
    )


def is_postgresql(connection: Connection) -> bool:
    """Whether the reporting database is PostgreSQL; otherwise it is SQLite."""
    return connection.dialect.name == "postgresql"


def is_encrypted(connection: Connection) -> bool | None:
    """Whether a connection to PostgreSQL is over TLS; None: a file has none.

    The driver is asked, not the server, which may be the other side of a pooler.
    """
    if connection.dialect.name != "postgresql":
        return None
    driver: Any = connection.connection.driver_connection
    return bool(driver.pgconn.ssl_in_use)


def insert_into(connection: Connection, table: Table) -> "postgresql.Insert | sqlite.Insert":
    """Return the INSERT of the connection's own dialect, which knows ON CONFLICT; both spell it the same way.

    Only that dialect is loaded, and the engine did so: the other one would cost every command its time and memory.
    """
    if is_postgresql(connection):
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415

    return sqlite.insert(table)


def _make_folder(url: URL) -> None:
    if url.database in (None, "", ":memory:"):
        return
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder} can't be made: {error.strerror}. Set ALX_HOME or ALX_DATABASE_URL.") from error


def _prepare_sqlite(connection: SqliteConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver's own transaction handling begins too late for a consistent read; SQLAlchemy's BEGIN replaces it.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")  # durable against a killed process; a power cut may lose the last ms
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _prepare_postgresql(connection: "PostgresqlConnection[Any]", _entry: ConnectionPoolEntry) -> None:
    # No options of the connection say this: they would hide those of PGOPTIONS, and poolers refuse them.
    settings = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in SESSION.items())
    connection.autocommit = True
    connection.execute(f"SELECT {settings}")
    connection.autocommit = False


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    # SQLAlchemy announces a transaction in autocommit too; a BEGIN there would stay open, and the file locked.
    if options.get("isolation_level") == "AUTOCOMMIT" and "sqlite_begin" not in options:
        return
    connection.exec_driver_sql(f"BEGIN {options.get('sqlite_begin', 'DEFERRED')}")
