"""What the API works with: each company's settings, tokens, quotas, paged reads, cached pages."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Identity, Index, Integer, LargeBinary, String, Table, Text

from alx_core.store.tables.common import RowId, metadata

company_settings = Table(
    "local_alx_api_settings",
    metadata,
    Column("companyid", BigInteger, primary_key=True, autoincrement=False, comment="0 = default of all companies"),
    Column("setting_name", String(64), primary_key=True),
    Column("setting_value", Text, nullable=False),
    Column("timemodified", BigInteger, nullable=False),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True, comment="SHA-256, hex; the token itself is not kept"),
    Column("prefix", String(16), nullable=False, comment="first characters, to tell tokens apart"),
    Column("name", Text, nullable=False),
    Column("companyid", BigInteger, comment="NULL = the owner has no company"),
    Column("source", String(8), nullable=False, comment="alx or moodle"),
    Column("owner_userid", BigInteger, comment="Moodle's owner of an imported token"),
    Column("owner_state", String(16), nullable=False, comment="what Moodle says; only active may use it"),
    Column("allowed_networks", Text, nullable=False, comment="as Moodle's iprestriction; empty = everywhere"),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, comment="NULL = never"),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("last_address", String(45)),
    Index(None, "companyid"),
    sqlite_autoincrement=True,  # logs name tokens by this id
)

api_usage = Table(
    "api_usage",
    metadata,
    Column("companyid", BigInteger, primary_key=True, autoincrement=False),
    Column("day", String(10), primary_key=True, comment="local date of ALX_TIMEZONE, as 2026-11-24"),
    Column("calls", BigInteger, nullable=False, comment="calls that count against the quota"),
)

api_sessions = Table(
    "api_sessions",
    metadata,
    Column("token_id", RowId, ForeignKey("api_tokens.id", ondelete="CASCADE"), primary_key=True),
    Column("page_limit", Integer, primary_key=True, autoincrement=False),
    Column("mode", String(16), nullable=False, comment="full or incremental"),
    Column("snapshot_seq", BigInteger, nullable=False, comment="newest change_seq that the pages show"),
    Column("since_seq", BigInteger, nullable=False, comment="oldest change_seq that they do not show; 0 = all"),
    Column("since_time", BigInteger, nullable=False, comment="last_updated from which on rows are shown; 0 = all"),
    Column("opened_at", Float, nullable=False),
    Column("last_page_at", Float, nullable=False, comment="when a page with more behind it was last served"),
    Column("finished_at", Float, comment="when the last page was served"),
    Column("charged_at", Float, nullable=False, server_default="0", comment="quota_mode=reads: last charge"),
    Column("reads_begun", Integer, nullable=False, server_default="0",
           comment="first pages served that have more behind them"),
    Column("reads_finished", Integer, nullable=False, server_default="0",
           comment="of these, how many came to their last page"),
    Column("view", Text, nullable=False, server_default="", comment="JSON: courses and fields hidden at its beginning"),
    Column("snapshot_id", String(16), nullable=False, server_default="", comment="companies.cache_id at its beginning"),
    comment="One paged read per token and limit: what its pages show, whatever syncs meanwhile",
)  # fmt: skip

sync_status = Table(
    "local_alx_api_sync_status",
    metadata,
    Column("token_id", RowId, ForeignKey("api_tokens.id", ondelete="CASCADE"), primary_key=True),
    Column("position_seq", BigInteger, nullable=False, comment="change_seq up to which the client has everything"),
    Column("position_at", BigInteger, nullable=False),
    Column("pending_seq", BigInteger, comment="what it will be once the next read begins"),
    Column("pending_at", BigInteger),
    Column("position_view", Text, comment="what was hidden: another view begins anew"),
    Column("pending_view", Text),
    comment="Where each incremental client stands",
)

response_cache = Table(
    "local_alx_api_cache",
    metadata,
    Column("cache_key", String(64), primary_key=True),
    Column("companyid", BigInteger, nullable=False),
    Column("body", LargeBinary, comment="gzip; NULL = being built"),
    Column("rows", Integer, nullable=False),
    Column("next_key", Text, nullable=False, comment="JSON: [userid, courseid] of the last row"),
    Column("bytes", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("last_used_at", Float, nullable=False),
    Index(None, "last_used_at"),
)

status_logins = Table(
    "status_logins",
    metadata,
    Column("address", String(45), primary_key=True, comment="IPv4, or the /64 of an IPv6 one"),
    Column("period", BigInteger, nullable=False, comment="start of the quarter of an hour that is counted"),
    Column("attempts", Integer, nullable=False),
    comment="Attempts at the status page's password, counted for all processes together",
)
