"""Scratch databases on real servers, made for one test session and dropped after it."""

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from support.services import is_missing

SERVERS = {
    "postgresql": os.environ.get("ALX_TEST_POSTGRESQL_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"),
    "mysql": os.environ.get("ALX_TEST_MARIADB_URL", "mysql+pymysql://root@127.0.0.1:3306/mysql?charset=utf8mb4"),
}
CREATE = {
    "postgresql": "CREATE DATABASE {name}",
    "mysql": "CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
}
DROP = {"postgresql": "DROP DATABASE IF EXISTS {name} WITH (FORCE)", "mysql": "DROP DATABASE IF EXISTS {name}"}
templates = ExitStack()
"""Closed at the end of the session: it drops the databases that others were copied from."""


@cache
def failure_to_connect(kind: str) -> str | None:
    """Why the server of `kind` can't be used; None when it can."""
    engine = create_engine(SERVERS[kind], connect_args={"connect_timeout": 3})
    try:
        with engine.connect():
            return None
    except SQLAlchemyError as error:
        return str(getattr(error, "orig", error)).splitlines()[0]
    finally:
        engine.dispose()


def require_server(kind: str) -> None:
    """Skip the test when the server is missing, or fail it where CI demands all of them."""
    failure = failure_to_connect(kind)
    if failure is None:
        return
    variable = "ALX_TEST_MARIADB_URL" if kind == "mysql" else "ALX_TEST_POSTGRESQL_URL"
    is_missing(f"no {kind} server: {failure} (set {variable})")


@contextmanager
def scratch_database(kind: str, *, template: str | None = None) -> Iterator[URL]:
    """Yield the URL of a new database on the server of `kind`: empty, or a copy of the database `template`."""
    require_server(kind)
    url, name = make_url(SERVERS[kind]), f"alx_test_{uuid.uuid4().hex[:12]}"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            copy = f" TEMPLATE {template}" if template and kind == "postgresql" else ""
            connection.execute(text(CREATE[kind].format(name=name) + copy))
            if template and kind == "mysql":
                _copy_tables(connection, template, name)
        yield url.set(database=name)
    finally:
        with server.connect() as connection:
            connection.execute(text(DROP[kind].format(name=name)))
        server.dispose()


def _copy_tables(connection: Connection, source: str, target: str) -> None:
    """Copy all tables of a MariaDB database into another, with their indexes: a third of the time of loading them."""
    for table in inspect(connection).get_table_names(schema=source):
        connection.execute(text(f"CREATE TABLE {target}.{table} LIKE {source}.{table}"))
        connection.execute(text(f"INSERT INTO {target}.{table} SELECT * FROM {source}.{table}"))


def plain(url: URL) -> str:
    """The URL as a person would write it in a setting, password included."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)


REDIS_URL = os.environ.get("ALX_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


def require_redis() -> Redis:
    """Return a client; skip the test when Redis is missing, or fail it where CI demands all services."""
    client = Redis.from_url(REDIS_URL, socket_connect_timeout=3, socket_timeout=3)
    try:
        client.ping()
    except RedisError as error:
        is_missing(f"no Redis: {error} (set ALX_TEST_REDIS_URL)")
    return client
