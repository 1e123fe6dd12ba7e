"""The request log by hour and company.

Revision: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_metrics_hourly",
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False, comment="start of the hour"),
        sa.Column(
            "companyid", sa.BigInteger(), autoincrement=False, nullable=False, comment="0 = requests without a company"
        ),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("successes", sa.BigInteger(), nullable=False, comment="calls with outcome ok"),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("errors_by_code", sa.Text(), nullable=False, comment="JSON: error code -> calls"),
        sa.Column("cache_hits", sa.BigInteger(), nullable=False),
        sa.Column("replays", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False, comment="rows served"),
        sa.Column("bytes", sa.BigInteger(), nullable=False, comment="of the bodies as sent"),
        sa.Column("mean_ms", sa.Float(), nullable=False),
        sa.Column("p50_ms", sa.Float(), nullable=False, comment="percentiles: within 3 %, from the histogram"),
        sa.Column("p95_ms", sa.Float(), nullable=False),
        sa.Column("p99_ms", sa.Float(), nullable=False),
        sa.Column("max_ms", sa.Float(), nullable=False),
        sa.Column("histogram", sa.Text(), nullable=False, comment="JSON: bucket of response times -> calls"),
        sa.Column("addresses", sa.BigInteger(), nullable=False, comment="distinct addresses"),
        sa.Column("failed_auth", sa.BigInteger(), nullable=False, comment="calls whose token was refused"),
        sa.Column("quota_refusals", sa.BigInteger(), nullable=False),
        sa.Column("charged", sa.BigInteger(), nullable=False, comment="calls counted against the quota"),
        sa.Column("computed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "companyid", name=op.f("api_metrics_hourly_pk")),
        comment="The request log by hour and company; a company without a call in an hour has no row",
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("api_metrics_hourly")
