"""A pooler before PostgreSQL, which gives no sessions of one's own.

The writer's lock belongs to a session, as do prepared statements; Dagster's schema and the API's limits are options of
a connection. PgBouncer refuses such options, or drops them unread (`ignore_startup_parameters`), and by transaction
hands a session's connection to others (pgbouncer.org/features.html); the proxies of clouds do alike.
"""

import re

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from alx_core.errors import SettingsError, StoreUnreachable
from alx_core.store.engine import connect, libpq_options, shown

PROBE = "alx.probe"
REFUSED = re.compile("startup parameter|command-line options")
"""Of PgBouncer, and of Amazon's RDS Proxy."""


def require_no_pooler(url: URL) -> None:
    """Raise SettingsError when a pooler stands between, StoreUnreachable when nothing answers."""
    if url.get_backend_name() != "postgresql":
        return
    options = " ".join((*url.normalized_query.get("options", ()), f"-c {PROBE}=on"))
    engine = create_engine(
        url, poolclass=NullPool, hide_parameters=True, connect_args={**libpq_options(url), "options": options}
    )
    try:
        with connect(engine) as one, connect(engine) as other:
            option, first = _look(one)
            _, second = _look(other)
    except StoreUnreachable as error:
        if REFUSED.search(str(error)):
            raise _pooler(url, "refuses the options of a connection") from error
        raise
    finally:
        engine.dispose()
    if first == second:
        raise _pooler(url, "gives several sessions one connection by turns")
    if option != "on":
        raise _pooler(url, "drops the options of a connection")


def _look(connection: Connection) -> tuple[str | None, int]:
    """Return the option as it came through, and the server's process, which is one session's as long as that lasts."""
    row = connection.execute(text("SELECT current_setting(:name, true), pg_backend_pid()"), {"name": PROBE}).one()
    connection.rollback()
    return row[0], row[1]


def _pooler(url: URL, what_it_does: str) -> SettingsError:
    return SettingsError(
        f"Before the reporting database {shown(url)} stands a pooler that {what_it_does}. Locks and Dagster's tables "
        "need sessions of their own: let ALX_DATABASE_URL name PostgreSQL itself, usually port 5432."
    )
