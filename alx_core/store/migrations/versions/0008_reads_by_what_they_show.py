"""A paged read is told by what it shows: its snapshot has a name, the version of the settings does not count.

Revision: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CACHE_ID_OLD = "random: tells its pages in a Redis from those of another database"
CACHE_ID_NEW = "random, new with published_seq and settings_version, for caches"


def upgrade() -> None:
    with op.batch_alter_table("api_sessions", schema=None) as batch_op:
        batch_op.drop_column("settings_version")
        batch_op.add_column(
            sa.Column(
                "snapshot_id",
                sa.String(length=16),
                server_default="",
                nullable=False,
                comment="companies.cache_id at its beginning",
            )
        )
    with op.batch_alter_table("companies", schema=None) as batch_op:
        batch_op.alter_column(
            "cache_id", existing_type=sa.String(length=16), comment=CACHE_ID_NEW, existing_comment=CACHE_ID_OLD
        )


def downgrade() -> None:
    with op.batch_alter_table("companies", schema=None) as batch_op:
        batch_op.alter_column(
            "cache_id", existing_type=sa.String(length=16), comment=CACHE_ID_OLD, existing_comment=CACHE_ID_NEW
        )
    with op.batch_alter_table("api_sessions", schema=None) as batch_op:
        batch_op.drop_column("snapshot_id")
        batch_op.add_column(
            sa.Column(
                "settings_version",
                sa.BigInteger(),
                server_default="0",
                nullable=False,
                comment="companies.settings_version at its beginning",
            )
        )
