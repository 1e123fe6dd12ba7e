"""Errors in one line: also those that nobody raises on purpose and a person can mend, of the disk and of a database."""

from sqlalchemy.exc import DatabaseError, DBAPIError, InternalError, OperationalError

from alx_core.errors import AlxError

MENDABLE = (OperationalError, InternalError, DatabaseError)
"""A full disk, a file or server that is read-only, locked or damaged; their subclasses are faults of ours."""
NO_RIGHT = "42501"
"""PostgreSQL's `insufficient_privilege`."""


def explain(error: Exception) -> str | None:
    """Return one line that says what is wrong and what to do; None for a fault of ours."""
    if isinstance(error, AlxError):
        return str(error)
    if isinstance(error, OSError):
        where = "" if error.filename is None else f"{error.filename}: "
        return f"{where}{error.strerror or error}. Is there room on the disk, and may this user write there?"
    if isinstance(error, DBAPIError) and (type(error) in MENDABLE or _state(error.orig) == NO_RIGHT):
        return f"A database refused: {first_line(error)}. Look at its disk, its rights and its log."
    return None


def first_line(error: Exception) -> str:
    """Return the first line of what an error says; of a database's, its own, for below stands what learners' data is
    in: statement, parameters, the row that it was about."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(cause).strip().partition("\n")[0] or type(cause).__name__


def _state(error: BaseException | None) -> object:
    """Return PostgreSQL's code; psycopg2, through which Dagster writes, has another name for it than psycopg."""
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
