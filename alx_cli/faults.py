"""Errors that nobody raises on purpose and that a person can mend all the same: of the disk, and of a database."""

from sqlalchemy.exc import DatabaseError, DBAPIError, InternalError, OperationalError

MENDABLE = (OperationalError, InternalError, DatabaseError)
"""A full disk, a file or server that is read-only, locked or damaged; their subclasses are faults of ours."""
NO_RIGHT = "42501"
"""PostgreSQL's `insufficient_privilege`."""


def explain(error: Exception) -> str | None:
    """Return one line that says what is wrong and what to do; None for a fault of ours."""
    if isinstance(error, OSError):
        where = "" if error.filename is None else f"{error.filename}: "
        return f"{where}{error.strerror or error}. Is there room on the disk, and may this user write there?"
    if isinstance(error, DBAPIError) and (type(error) in MENDABLE or _state(error.orig) == NO_RIGHT):
        cause = str(error.orig).strip().partition("\n")[0]
        return f"A database refused: {cause}. Look at its disk, its rights and its log."
    return None


def _state(error: BaseException | None) -> object:
    """Return PostgreSQL's code; psycopg2, through which Dagster writes, has another name for it than psycopg."""
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
