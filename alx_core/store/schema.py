"""The schema's version: bring it up to date, and say so when it is not."""

from sqlalchemy import Connection, Engine, and_, false, func, inspect, select, text, update

from alx_core.errors import SchemaOutOfDate
from alx_core.store.engine import connect, transaction
from alx_core.store.tables import companies

HEAD = "0012"
"""The revision that this version of the code needs: the newest in `migrations/versions`."""
KNOWN = frozenset(f"{number:04}" for number in range(1, int(HEAD) + 1))
"""All of them; they are numbered without a gap."""


def current_revision(connection: Connection) -> str | None:
    """Return the revision the database is at; None for a database without our tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def migrate(engine: Engine) -> tuple[str | None, str]:
    """Bring the schema to head, keeping all data, in one transaction. Returns the revisions before and after."""
    with transaction(engine) as connection:
        before = current_revision(connection)
        if before != HEAD:
            _refuse_newer(before)
            from alx_core.store.upgrade import upgrade  # noqa: PLC0415  # loads Alembic, which hardly a process needs

            upgrade(connection)
    return before, HEAD


def require_writable(connection: Connection) -> None:
    """Try a write that changes nothing. Raises DBAPIError: the disk or server is read-only, or the user may not."""
    connection.execute(update(companies).where(false()).values(suspended=0))


def may_create(connection: Connection) -> bool:
    """Whether the user may make tables, and a schema for Dagster's beside them. SQLite knows no such rights."""
    if connection.dialect.name != "postgresql":
        return True
    tables = func.has_schema_privilege(func.current_schema(), "CREATE")
    schemas = func.has_database_privilege(func.current_database(), "CREATE")
    return bool(connection.scalar(select(and_(tables, schemas))))


def require_current(engine: Engine) -> None:
    """Raise SchemaOutOfDate unless the schema is at head."""
    with connect(engine) as connection:
        require_head(current_revision(connection))


def require_head(revision: str | None) -> None:
    """Raise SchemaOutOfDate unless a database's revision is head."""
    if revision == HEAD:
        return
    _refuse_newer(revision)
    what = "has no tables yet" if revision is None else f"is at revision {revision}, this version needs {HEAD}"
    raise SchemaOutOfDate(f"The reporting database {what}. Run `alx migrate`.")


def _refuse_newer(revision: str | None) -> None:
    if revision is not None and revision not in KNOWN:
        raise SchemaOutOfDate(
            f"The reporting database is at revision {revision}, which this version does not know. "
            "It was migrated by a newer version: install that one."
        )
