"""Who is in the middle of a paged read, what it hides, and whose pages a shared cache holds.

Revision: 0007
Revises: 0006
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("api_sessions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "reads_begun",
                sa.Integer(),
                server_default="0",
                nullable=False,
                comment="first pages served that have more behind them",
            )
        )
        batch_op.add_column(
            sa.Column(
                "reads_finished",
                sa.Integer(),
                server_default="0",
                nullable=False,
                comment="of these, how many came to their last page",
            )
        )
        batch_op.add_column(
            sa.Column(
                "settings_version",
                sa.BigInteger(),
                server_default="0",
                nullable=False,
                comment="companies.settings_version at its beginning",
            )
        )
        batch_op.add_column(
            sa.Column(
                "view",
                sa.Text(),
                server_default="",
                nullable=False,
                comment="JSON: courses and fields hidden at its beginning",
            )
        )
    with op.batch_alter_table("local_alx_api_sync_status", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("position_view", sa.Text(), nullable=True, comment="what was hidden: another view begins anew")
        )
        batch_op.add_column(sa.Column("pending_view", sa.Text(), nullable=True))
    with op.batch_alter_table("companies", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "cache_id",
                sa.String(length=16),
                nullable=True,
                comment="random: tells its pages in a Redis from those of another database",
            )
        )
    companies = sa.table("companies", sa.column("companyid"), sa.column("cache_id"))
    connection = op.get_bind()
    for companyid in connection.execute(sa.select(companies.c.companyid)).scalars().all():
        connection.execute(
            companies.update().where(companies.c.companyid == companyid).values(cache_id=secrets.token_hex(8))
        )


def downgrade() -> None:
    with op.batch_alter_table("companies", schema=None) as batch_op:
        batch_op.drop_column("cache_id")
    with op.batch_alter_table("local_alx_api_sync_status", schema=None) as batch_op:
        batch_op.drop_column("pending_view")
        batch_op.drop_column("position_view")
    with op.batch_alter_table("api_sessions", schema=None) as batch_op:
        batch_op.drop_column("view")
        batch_op.drop_column("settings_version")
        batch_op.drop_column("reads_finished")
        batch_op.drop_column("reads_begun")
