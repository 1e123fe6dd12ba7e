"""Attempts at the status page's password, counted in the database: for all processes and hosts together."""

from sqlalchemy import Connection, case, delete, select

from alx_core.store.engine import insert_into
from alx_core.store.tables import status_logins

PERIOD_S = 900
MAX_ATTEMPTS = 10
"""In a quarter of an hour from one address, in all processes together."""


def count_attempt(connection: Connection, address: str, *, now: int) -> int:
    """Count an attempt from `address` and return how many there were in this quarter of an hour, it included.

    One statement, so of attempts that come at the same time each gets its own number.
    """
    row = status_logins.c
    period = now - now % PERIOD_S
    statement = (
        insert_into(connection, status_logins)
        .values(address=address, period=period, attempts=1)
        .on_conflict_do_update(
            index_elements=["address"],
            set_={"attempts": case((row.period == period, row.attempts + 1), else_=1), "period": period},
        )
        .returning(row.attempts)
    )
    attempts = int(connection.execute(statement).scalar_one())
    if attempts == 1:
        connection.execute(delete(status_logins).where(row.period < period))
    return attempts


def attempts_of(connection: Connection, address: str, *, now: int) -> int:
    """Return the attempts from `address` in this quarter of an hour: a look that writes nothing."""
    row = status_logins.c
    query = select(row.attempts).where(row.address == address, row.period == now - now % PERIOD_S)
    return connection.execute(query).scalar() or 0


def forget_attempts(connection: Connection, address: str) -> None:
    """Start anew for an address that knew the password."""
    connection.execute(delete(status_logins).where(status_logins.c.address == address))
