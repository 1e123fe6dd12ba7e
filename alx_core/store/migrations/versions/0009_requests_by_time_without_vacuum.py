"""The request log's index by time needs no vacuum to be of use: a BRIN index knows nothing of rows that came since a vacuum.

Revision: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEX, NEW, TABLE = "local_alx_api_logs_timeaccessed_ix", "local_alx_api_logs_timeaccessed_new", "local_alx_api_logs"


def upgrade() -> None:
    _replace("btree")


def downgrade() -> None:
    _replace("brin")


def _replace(method: str) -> None:
    """SQLite has one kind of index only. The old one goes last: dropping it locks those out who read the log."""
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(NEW, TABLE, ["timeaccessed"], postgresql_using=method)
        op.drop_index(op.f(INDEX), TABLE)
        op.execute(f"ALTER INDEX {NEW} RENAME TO {INDEX}")
