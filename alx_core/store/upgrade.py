"""Alembic, and nothing else loads it: what only asks for the schema's version does without its 90 ms and 10 MB."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, bound to `connection` when one is given."""
    config = Config()
    config.set_main_option("script_location", "alx_core.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Run all migrations that the database has not seen, in the caller's transaction."""
    command.upgrade(alembic_config(connection), "head")
