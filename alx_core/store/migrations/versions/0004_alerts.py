"""Alerts and the outbox of their messages.

Revision: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "local_alx_api_alerts",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("alert", sa.String(length=32), nullable=False, comment="sync_failed, api_slow and so on"),
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="whom it is about: shortname, token or address; empty = all"
        ),
        sa.Column("severity", sa.String(length=8), nullable=False, comment="info, warning or critical"),
        sa.Column("state", sa.String(length=16), nullable=False, comment="open, acknowledged or resolved"),
        sa.Column("companyid", sa.BigInteger(), nullable=True),
        sa.Column("token_id", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False, comment="what is wrong, with the figures of last_seen_at"),
        sa.Column("recommendation", sa.Text(), nullable=False, comment="what to do"),
        sa.Column(
            "link", sa.Text(), nullable=False, comment="where to look: Dagit or the status page; empty = nowhere"
        ),
        sa.Column("details", sa.Text(), nullable=False, comment="JSON: figures by name"),
        sa.Column("occurrences", sa.Integer(), nullable=False, comment="how often it was seen since it opened"),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "notified_at",
            sa.BigInteger(),
            nullable=True,
            comment="when people were last told that it is there; NULL = not yet",
        ),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("local_alx_api_alerts_pk")),
        comment="Incidents: one row from the moment a threshold is crossed until it is well again",
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("local_alx_api_alerts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("local_alx_api_alerts_alert_subject_ix"),
            ["alert", "subject"],
            unique=True,
            postgresql_where=sa.text("state <> 'resolved'"),
            sqlite_where=sa.text("state <> 'resolved'"),
        )
        batch_op.create_index(batch_op.f("local_alx_api_alerts_opened_at_ix"), ["opened_at"], unique=False)

    op.create_table(
        "alert_deliveries",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("alert_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="opened, reminder, recovered or test"),
        sa.Column("sequence", sa.Integer(), nullable=False, comment="number of the reminder; 0 for the other kinds"),
        sa.Column("channel", sa.String(length=16), nullable=False, comment="slack or email"),
        sa.Column("state", sa.String(length=16), nullable=False, comment="pending, delivered or abandoned"),
        sa.Column("body", sa.Text(), nullable=False, comment="JSON: the message as it was when it was stored"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="tries begun, the one under way included"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False, comment="not tried before"),
        sa.Column(
            "claimed_until",
            sa.BigInteger(),
            nullable=True,
            comment="until then it belongs to the process that tries it",
        ),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "last_error", sa.Text(), nullable=True, comment="why the last try failed; never an address or a secret"
        ),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["local_alx_api_alerts.id"], name=op.f("alert_deliveries_alert_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("alert_deliveries_pk")),
        sa.UniqueConstraint(
            "alert_id", "kind", "sequence", "channel", name=op.f("alert_deliveries_alert_id_kind_sequence_channel_uq")
        ),
        comment="The outbox: each message to each channel, stored with its alert and delivered after",
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("alert_deliveries", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("alert_deliveries_next_attempt_at_ix"),
            ["next_attempt_at"],
            unique=False,
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        )


def downgrade() -> None:
    with op.batch_alter_table("alert_deliveries", schema=None) as batch_op:
        batch_op.drop_index(
            batch_op.f("alert_deliveries_next_attempt_at_ix"),
            postgresql_where=sa.text("state = 'pending'"),
            sqlite_where=sa.text("state = 'pending'"),
        )

    op.drop_table("alert_deliveries")
    with op.batch_alter_table("local_alx_api_alerts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("local_alx_api_alerts_opened_at_ix"))
        batch_op.drop_index(
            batch_op.f("local_alx_api_alerts_alert_subject_ix"),
            postgresql_where=sa.text("state <> 'resolved'"),
            sqlite_where=sa.text("state <> 'resolved'"),
        )

    op.drop_table("local_alx_api_alerts")
