"""Tokens, settings, quota, paged reads, cache and request log.

Revision: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column(
            "token_hash", sa.String(length=64), nullable=False, comment="SHA-256, hex; the token itself is not kept"
        ),
        sa.Column("prefix", sa.String(length=16), nullable=False, comment="first characters, to tell tokens apart"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("companyid", sa.BigInteger(), nullable=True, comment="NULL = the owner has no company"),
        sa.Column("source", sa.String(length=8), nullable=False, comment="alx or moodle"),
        sa.Column("owner_userid", sa.BigInteger(), nullable=True, comment="Moodle's owner of an imported token"),
        sa.Column(
            "owner_state", sa.String(length=16), nullable=False, comment="what Moodle says; only active may use it"
        ),
        sa.Column(
            "allowed_networks", sa.Text(), nullable=False, comment="as Moodle's iprestriction; empty = everywhere"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True, comment="NULL = never"),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("last_address", sa.String(length=45), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("api_tokens_pk")),
        sa.UniqueConstraint("token_hash", name=op.f("api_tokens_token_hash_uq")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("api_tokens_companyid_ix"), ["companyid"], unique=False)

    op.create_table(
        "api_usage",
        sa.Column("companyid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False, comment="local date of ALX_TIMEZONE, as 2026-11-24"),
        sa.Column("calls", sa.BigInteger(), nullable=False, comment="calls that count against the quota"),
        sa.PrimaryKeyConstraint("companyid", "day", name=op.f("api_usage_pk")),
    )
    op.create_table(
        "local_alx_api_cache",
        sa.Column("cache_key", sa.String(length=64), nullable=False),
        sa.Column("companyid", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True, comment="gzip; NULL = being built"),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("next_key", sa.Text(), nullable=False, comment="JSON: [userid, courseid] of the last row"),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("last_used_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("cache_key", name=op.f("local_alx_api_cache_pk")),
    )
    with op.batch_alter_table("local_alx_api_cache", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("local_alx_api_cache_last_used_at_ix"), ["last_used_at"], unique=False)

    op.create_table(
        "local_alx_api_logs",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("timeaccessed", sa.BigInteger(), nullable=False, comment="epoch milliseconds"),
        sa.Column("token_id", sa.BigInteger(), nullable=True),
        sa.Column("key_prefix", sa.String(length=8), nullable=False, comment="start of a key that was refused"),
        sa.Column("companyid", sa.BigInteger(), nullable=True),
        sa.Column("endpoint", sa.String(length=32), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False, comment="ok, or the error code"),
        sa.Column("http_status", sa.SmallInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False, comment="of the body as sent"),
        sa.Column("response_time_ms", sa.Float(), nullable=False),
        sa.Column("cache_hit", sa.SmallInteger(), nullable=False),
        sa.Column("replay", sa.SmallInteger(), nullable=False, comment="1 = the same page again within two minutes"),
        sa.Column("charged", sa.SmallInteger(), nullable=False, comment="1 = counted against the quota"),
        sa.Column("ip_address", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.Column("page_limit", sa.Integer(), nullable=True),
        sa.Column("page_offset", sa.BigInteger(), nullable=True),
        sa.Column("mode", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("local_alx_api_logs_pk")),
        sa.UniqueConstraint("request_id", name=op.f("local_alx_api_logs_request_id_uq")),
        comment="Every request, answered or refused. Never a token, a body or a name",
    )
    with op.batch_alter_table("local_alx_api_logs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("local_alx_api_logs_timeaccessed_ix"), ["timeaccessed"], unique=False, postgresql_using="brin"
        )

    op.create_table(
        "local_alx_api_reporting_history",
        sa.Column("companyid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("userid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("courseid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("username", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("firstname", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("lastname", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("email", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("coursename", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("timecompleted", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("timestarted", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("timeenrolled", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "percentage",
            sa.Numeric(precision=5, scale=2, asdecimal=False).with_variant(sa.Float(), "sqlite"),
            autoincrement=False,
            nullable=True,
        ),
        sa.Column("status", sa.String(length=16), autoincrement=False, nullable=False),
        sa.Column("activities_total", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("activities_completed", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_updated", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_deleted", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("updated_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("change_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "superseded_seq", sa.BigInteger(), autoincrement=False, nullable=False, comment="run that replaced it"
        ),
        sa.Column("superseded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "companyid", "userid", "courseid", "superseded_seq", name=op.f("local_alx_api_reporting_history_pk")
        ),
        comment="Row versions that a sync replaced, kept for hours for clients in the middle of their pages",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "local_alx_api_settings",
        sa.Column(
            "companyid", sa.BigInteger(), autoincrement=False, nullable=False, comment="0 = default of all companies"
        ),
        sa.Column("setting_name", sa.String(length=64), nullable=False),
        sa.Column("setting_value", sa.Text(), nullable=False),
        sa.Column("timemodified", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("companyid", "setting_name", name=op.f("local_alx_api_settings_pk")),
    )
    op.create_table(
        "api_sessions",
        sa.Column("token_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("page_limit", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False, comment="full or incremental"),
        sa.Column("snapshot_seq", sa.BigInteger(), nullable=False, comment="newest change_seq that the pages show"),
        sa.Column(
            "since_seq", sa.BigInteger(), nullable=False, comment="oldest change_seq that they do not show; 0 = all"
        ),
        sa.Column(
            "since_time", sa.BigInteger(), nullable=False, comment="last_updated from which on rows are shown; 0 = all"
        ),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column(
            "last_page_at", sa.Float(), nullable=False, comment="when a page with more behind it was last served"
        ),
        sa.Column("finished_at", sa.Float(), nullable=True, comment="when the last page was served"),
        sa.Column(
            "charged_at", sa.Float(), server_default="0", nullable=False, comment="quota_mode=reads: last charge"
        ),
        sa.ForeignKeyConstraint(
            ["token_id"], ["api_tokens.id"], name=op.f("api_sessions_token_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_id", "page_limit", name=op.f("api_sessions_pk")),
        comment="One paged read per token and limit: what its pages show, whatever syncs meanwhile",
    )
    op.create_table(
        "local_alx_api_sync_status",
        sa.Column("token_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "position_seq", sa.BigInteger(), nullable=False, comment="change_seq up to which the client has everything"
        ),
        sa.Column("position_at", sa.BigInteger(), nullable=False),
        sa.Column("pending_seq", sa.BigInteger(), nullable=True, comment="what it will be once the next read begins"),
        sa.Column("pending_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["token_id"], ["api_tokens.id"], name=op.f("local_alx_api_sync_status_token_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_id", name=op.f("local_alx_api_sync_status_pk")),
        comment="Where each incremental client stands",
    )
    with op.batch_alter_table("companies", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "settings_version",
                sa.BigInteger(),
                server_default="0",
                nullable=False,
                comment="moves with any setting",
            )
        )


def downgrade() -> None:
    with op.batch_alter_table("companies", schema=None) as batch_op:
        batch_op.drop_column("settings_version")

    op.drop_table("local_alx_api_sync_status")
    op.drop_table("api_sessions")
    op.drop_table("local_alx_api_settings")
    op.drop_table("local_alx_api_reporting_history")
    with op.batch_alter_table("local_alx_api_logs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("local_alx_api_logs_timeaccessed_ix"), postgresql_using="brin")

    op.drop_table("local_alx_api_logs")
    with op.batch_alter_table("local_alx_api_cache", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("local_alx_api_cache_last_used_at_ix"))

    op.drop_table("local_alx_api_cache")
    op.drop_table("api_usage")
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("api_tokens_companyid_ix"))

    op.drop_table("api_tokens")
