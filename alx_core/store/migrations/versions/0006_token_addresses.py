"""From where each token was used.

Revision: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_token_addresses",
        sa.Column("token_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=45), nullable=False, comment="IPv4 address, or the /64 of an IPv6 one"),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_id", "site", name=op.f("api_token_addresses_pk")),
        comment="From where each token was used: what the request log knew before it was purged",
    )


def downgrade() -> None:
    op.drop_table("api_token_addresses")
