"""What the status page needs: attempts at its password, and a way to the refused requests among all.

Revision: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "status_logins",
        sa.Column("address", sa.String(length=45), nullable=False, comment="IPv4, or the /64 of an IPv6 one"),
        sa.Column("period", sa.BigInteger(), nullable=False, comment="start of the quarter of an hour that is counted"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("status_logins_pk")),
        comment="Attempts at the status page's password, counted for all processes together",
    )
    with op.batch_alter_table("local_alx_api_logs", schema=None) as batch_op:
        batch_op.create_index(
            "local_alx_api_logs_errors_ix",
            ["timeaccessed"],
            unique=False,
            postgresql_where=sa.text("outcome <> 'ok'"),
            sqlite_where=sa.text("outcome <> 'ok'"),
        )


def downgrade() -> None:
    with op.batch_alter_table("local_alx_api_logs", schema=None) as batch_op:
        batch_op.drop_index("local_alx_api_logs_errors_ix")
    op.drop_table("status_logins")
