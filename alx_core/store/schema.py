"""The schema's version: bring it up to date, and say so when it is not."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from alx_core.errors import SchemaOutOfDate
from alx_core.store.engine import connect, transaction


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, bound to `connection` when one is given."""
    config = Config()
    config.set_main_option("script_location", "alx_core.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head_revision() -> str:
    """Return the revision that this version of the code needs."""
    return str(ScriptDirectory.from_config(alembic_config()).get_current_head())


def current_revision(connection: Connection) -> str | None:
    """Return the revision the database is at; None for a database without our tables."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(engine: Engine) -> tuple[str | None, str]:
    """Bring the schema to head, keeping all data, in one transaction. Returns the revisions before and after."""
    with transaction(engine) as connection:
        before = current_revision(connection)
        if before != head_revision():
            _refuse_newer(before)
            command.upgrade(alembic_config(connection), "head")
    return before, head_revision()


def require_current(engine: Engine) -> None:
    """Raise SchemaOutOfDate unless the schema is at head."""
    with connect(engine) as connection:
        current = current_revision(connection)
    if current == head_revision():
        return
    _refuse_newer(current)
    what = "has no tables yet" if current is None else f"is at revision {current}, this version needs {head_revision()}"
    raise SchemaOutOfDate(f"The reporting database {what}. Run `alx migrate`.")


def _refuse_newer(revision: str | None) -> None:
    if revision is not None and revision not in {each.revision for each in _script().walk_revisions()}:
        raise SchemaOutOfDate(
            f"The reporting database is at revision {revision}, which this version does not know. "
            "It was migrated by a newer version: install that one."
        )


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic_config())
