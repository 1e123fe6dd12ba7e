"""Alembic's entry point. It runs on the connection that `alx_core.store.upgrade` hands over, and only there."""

from alembic import context
from sqlalchemy import text

from alx_core.store.tables import metadata

LOCK_KEY = 0x616C785F6D696772
"""Key of the PostgreSQL advisory lock: the letters `alx_migr`."""

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    include_name=lambda name, kind, _parents: kind != "table" or name in metadata.tables,
    render_as_batch=True,
    compare_server_default=False,
)
with context.begin_transaction():
    if connection.dialect.name == "postgresql":  # SQLite has one writer as it is
        # Two processes that meet an empty database would both create the tables.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    context.run_migrations()
