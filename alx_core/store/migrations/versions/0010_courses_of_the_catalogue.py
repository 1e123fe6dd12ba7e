"""What each course looked like in Moodle, so that one that changes does not make every learner range be looked at.

Revision: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sync_courses",
        sa.Column(
            "courseid", sa.BigInteger(), autoincrement=False, nullable=False, comment="-1 = what belongs to no course"
        ),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="of its rows in Moodle's catalogue"),
        sa.PrimaryKeyConstraint("courseid", name=op.f("sync_courses_pk")),
        comment="What each course looked like in Moodle: the rows of all ranges in sync_digests are right by that",
    )


def downgrade() -> None:
    op.drop_table("sync_courses")
