"""Reporting table, companies and sync runs.

Revision: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "companies",
        sa.Column("companyid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("shortname", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("suspended", sa.SmallInteger(), nullable=False),
        sa.Column("is_deleted", sa.SmallInteger(), nullable=False, comment="1 = the company is gone from Moodle"),
        sa.Column("row_count", sa.BigInteger(), nullable=False, comment="rows of the company that are not deleted"),
        sa.Column("published_seq", sa.BigInteger(), nullable=False, comment="change_seq up to which readers may read"),
        sa.Column(
            "last_synced_at", sa.BigInteger(), nullable=True, comment="when a sync last brought the company up to date"
        ),
        sa.Column(
            "last_error",
            sa.Text(),
            nullable=True,
            comment="why the last sync of the company failed; NULL when it did not",
        ),
        sa.PrimaryKeyConstraint("companyid", name=op.f("companies_pk")),
    )
    with op.batch_alter_table("companies", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("companies_shortname_ix"), ["shortname"], unique=False)

    op.create_table(
        "local_alx_api_reporting",
        sa.Column("companyid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("userid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("courseid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("firstname", sa.Text(), nullable=False),
        sa.Column("lastname", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("coursename", sa.Text(), nullable=False),
        sa.Column("timecompleted", sa.BigInteger(), nullable=False, comment="0 = not completed"),
        sa.Column("timestarted", sa.BigInteger(), nullable=False, comment="0 = not started"),
        sa.Column("timeenrolled", sa.BigInteger(), nullable=False),
        sa.Column(
            "percentage",
            sa.Numeric(precision=5, scale=2, asdecimal=False).with_variant(sa.Float(), "sqlite"),
            nullable=True,
            comment="NULL = completion off or nothing tracked",
        ),
        sa.Column("status", sa.String(length=16), nullable=False, comment="completed, in_progress or not_started"),
        sa.Column("activities_total", sa.Integer(), nullable=False),
        sa.Column("activities_completed", sa.Integer(), nullable=False),
        sa.Column("last_updated", sa.BigInteger(), nullable=False, comment="when the row's content last moved"),
        sa.Column(
            "is_deleted", sa.SmallInteger(), nullable=False, comment="1 = tombstone: the row no longer qualifies"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "change_seq", sa.BigInteger(), nullable=False, comment="sync_runs.id of the run that last moved the content"
        ),
        sa.PrimaryKeyConstraint("companyid", "userid", "courseid", name=op.f("local_alx_api_reporting_pk")),
        comment="One row per company, learner and course: what Moodle core says about the learner's progress",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sync_digests",
        sa.Column("first_userid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_userid", sa.BigInteger(), nullable=False),
        sa.Column(
            "digest",
            sa.String(length=64),
            nullable=False,
            comment="of everything in Moodle that the range's rows depend on",
        ),
        sa.Column("as_of", sa.BigInteger(), nullable=False, comment="instant the rows were judged at"),
        sa.Column(
            "valid_until",
            sa.BigInteger(),
            nullable=True,
            comment="first instant at which time alone changes a row; NULL = never",
        ),
        sa.Column("facts", sa.Text(), nullable=False, comment="JSON: what the range adds to a run's figures"),
        sa.CheckConstraint("first_userid <= last_userid", name=op.f("sync_digests_range_ck")),
        sa.PrimaryKeyConstraint("first_userid", name=op.f("sync_digests_pk")),
        comment="What each learner range looked like in Moodle when its rows were last right: an equal digest is skipped",
    )
    op.create_table(
        "sync_runs",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="hourly or rebuild"),
        sa.Column("status", sa.String(length=16), nullable=False, comment="running, succeeded, failed or interrupted"),
        sa.Column(
            "window_start",
            sa.BigInteger(),
            nullable=True,
            comment="start of the first hour asked for; NULL for a rebuild",
        ),
        sa.Column("window_end", sa.BigInteger(), nullable=True, comment="end of the last hour asked for"),
        sa.Column("as_of", sa.BigInteger(), nullable=False, comment="instant at which enrolment periods were judged"),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("companies", sa.Integer(), server_default="0", nullable=False),
        sa.Column("companies_failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "processed",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="rows judged, bad records included",
        ),
        sa.Column("created", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("deleted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("errors", sa.BigInteger(), server_default="0", nullable=False, comment="bad records"),
        sa.Column("ranges", sa.Integer(), server_default="0", nullable=False, comment="learner ranges"),
        sa.Column(
            "ranges_skipped",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="ranges whose digest was the same",
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("dagster_run_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("sync_runs_pk")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("sync_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("sync_runs_started_at_ix"), ["started_at"], unique=False)

    op.create_table(
        "sync_errors",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("companyid", sa.BigInteger(), nullable=True),
        sa.Column("userid", sa.BigInteger(), nullable=True),
        sa.Column("courseid", sa.BigInteger(), nullable=True),
        sa.Column("source_table", sa.String(length=64), nullable=False),
        sa.Column("source_column", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["sync_runs.id"], name=op.f("sync_errors_run_id_fk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("sync_errors_pk")),
    )
    with op.batch_alter_table("sync_errors", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("sync_errors_run_id_ix"), ["run_id"], unique=False)

    op.create_table(
        "sync_run_companies",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("companyid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False, comment="succeeded or failed"),
        sa.Column("processed", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False, comment="writing the company's changes"),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["sync_runs.id"], name=op.f("sync_run_companies_run_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "companyid", name=op.f("sync_run_companies_pk")),
    )


def downgrade() -> None:
    op.drop_table("sync_run_companies")
    with op.batch_alter_table("sync_errors", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("sync_errors_run_id_ix"))

    op.drop_table("sync_errors")
    with op.batch_alter_table("sync_runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("sync_runs_started_at_ix"))

    op.drop_table("sync_runs")
    op.drop_table("sync_digests")
    op.drop_table("local_alx_api_reporting")
    with op.batch_alter_table("companies", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("companies_shortname_ix"))

    op.drop_table("companies")
