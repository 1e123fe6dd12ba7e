"""Alerts are found by subject when they are over, too: the outbox asks for what is told of one before, for each message.

Revision: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INDEX, TABLE = "local_alx_api_alerts_alert_subject_notified_at_ix", "local_alx_api_alerts"


def upgrade() -> None:
    op.create_index(op.f(INDEX), TABLE, ["alert", "subject", "notified_at"])


def downgrade() -> None:
    op.drop_index(op.f(INDEX), TABLE)
