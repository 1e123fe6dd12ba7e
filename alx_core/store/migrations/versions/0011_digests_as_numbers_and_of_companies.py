"""What a learner range looked like in Moodle, as numbers, and what a company did. The next sync notes all anew.

Revision: 0011
Revises: 0010
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = ("user", "user_enrolments", "course_modules_completion", "course_completions", "company_users")


def upgrade() -> None:
    numbers = [
        column
        for table in TABLES
        for column in (
            sa.Column(f"{table}_rows", sa.BigInteger(), nullable=False, comment="rows in Moodle"),
            sa.Column(f"{table}_total", sa.BigInteger(), nullable=False, comment="sum of their hashes, 63 bits of it"),
        )
    ]
    _recreate(
        sa.Column("newest_change", sa.BigInteger(), nullable=True, comment="latest time in what Moodle's rows say"),
        sa.Column("rules_version", sa.Integer(), nullable=False, comment="of the rules and of the hashes"),
        *numbers,
    )
    op.drop_table("sync_courses")
    op.create_table(
        "sync_catalogue",
        sa.Column(
            "kind", sa.String(length=16), nullable=False, comment="course, company, or rest: what belongs to neither"
        ),
        sa.Column(
            "id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="of the course or company; 0 for the rest",
        ),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="of its rows in Moodle's catalogue"),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("sync_catalogue_pk")),
        comment="What courses and companies looked like in Moodle: the rows of ranges in sync_digests are right by that",
    )


def downgrade() -> None:
    _recreate(
        sa.Column(
            "digest",
            sa.String(length=64),
            nullable=False,
            comment="of everything in Moodle that the range's rows depend on",
        ),
        sa.Column("facts", sa.Text(), nullable=False, comment="JSON: what the range adds to a run's figures"),
    )
    op.drop_table("sync_catalogue")
    op.create_table(
        "sync_courses",
        sa.Column(
            "courseid", sa.BigInteger(), autoincrement=False, nullable=False, comment="-1 = what belongs to no course"
        ),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="of its rows in Moodle's catalogue"),
        sa.PrimaryKeyConstraint("courseid", name=op.f("sync_courses_pk")),
        comment="What each course looked like in Moodle: the rows of all ranges in sync_digests are right by that",
    )


def _recreate(*columns: sa.Column[Any]) -> None:
    op.drop_table("sync_digests")
    op.create_table(
        "sync_digests",
        sa.Column("first_userid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_userid", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False, comment="instant the rows were judged at"),
        sa.Column(
            "valid_until",
            sa.BigInteger(),
            nullable=True,
            comment="first instant at which time alone changes a row; NULL = never",
        ),
        *columns,
        sa.CheckConstraint("first_userid <= last_userid", name=op.f("sync_digests_range_ck")),
        sa.PrimaryKeyConstraint("first_userid", name=op.f("sync_digests_pk")),
        comment="What each learner range looked like in Moodle when its rows were last right: an equal digest is skipped",
    )
