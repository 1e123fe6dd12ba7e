"""A paged read is told by what it shows, not by the version of its company's settings.

Revision: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("api_sessions", schema=None) as batch_op:
        batch_op.drop_column("settings_version")


def downgrade() -> None:
    with op.batch_alter_table("api_sessions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "settings_version",
                sa.BigInteger(),
                server_default="0",
                nullable=False,
                comment="companies.settings_version at its beginning",
            )
        )
