"""Make sure the reporting database has the schema that this version needs."""

from sqlalchemy import Engine

from alx_core.store.engine import connect
from alx_core.store.schema import current_revision, migrate, require_head


def prepare(engine: Engine) -> None:
    """Migrate an empty database by itself; require `alx migrate` for one that has data.

    Raises StoreUnreachable or SchemaOutOfDate.
    """
    with connect(engine) as connection:
        revision = current_revision(connection)
    if revision is None:
        migrate(engine)
    else:
        require_head(revision)
