"""How long any statement may keep Moodle's database at work, or wait for it: settings of every connection to it."""

from sqlalchemy import Connection

STATEMENT_TIMEOUT_S = 120
"""Longest that one statement may keep a snapshot of Moodle open; a scan of 5 million completion rows takes 2-3 s. As
long PostgreSQL waits for the next one: a host that vanished in between would keep an upgrade of Moodle waiting."""
LOCK_TIMEOUT_S = 45
"""Longest that a statement waits for a table. An upgrade of Moodle locks whole ones, for minutes where they are large;
of themselves, MariaDB and MySQL wait a day or a year, PostgreSQL for ever. Dagster gives a sensor a minute."""


def postgresql_settings() -> str:
    """Return the statement that a transaction begins with. Its settings end with it: a pooler hands connections on.

    Nothing is compiled: that takes a third of the time of digests, and saves none.
    """
    return (
        f"SELECT set_config('statement_timeout', '{STATEMENT_TIMEOUT_S}s', true),"
        f" set_config('lock_timeout', '{LOCK_TIMEOUT_S}s', true),"
        f" set_config('idle_in_transaction_session_timeout', '{STATEMENT_TIMEOUT_S}s', true),"
        " set_config('jit', 'off', true)"
    )


def limit_postgresql(connection: Connection) -> None:
    """Begin a transaction, as a listener to `begin`."""
    connection.exec_driver_sql(postgresql_settings())


def mysql_settings(*, is_mariadb: bool) -> str:
    """Return the settings of a session, for SET SESSION. MariaDB counts seconds, MySQL milliseconds."""
    longest = f"max_execution_time = {STATEMENT_TIMEOUT_S * 1000}"
    if is_mariadb:
        longest = f"max_statement_time = {STATEMENT_TIMEOUT_S}"
    return f"lock_wait_timeout = {LOCK_TIMEOUT_S}, {longest}"
