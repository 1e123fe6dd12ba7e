"""The tables of the reporting database. Every column says its unit; times are Unix epoch seconds, UTC, unless named.

The schema itself is made by the migrations; `alembic check` in the tests keeps the two the same.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_uq",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "ck": "%(table_name)s_%(constraint_name)s_ck",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
    }
)

# SQLite's NUMERIC would hand back 100.0 as the integer 100.
Percentage = Numeric(5, 2, asdecimal=False).with_variant(Float, "sqlite")

# SQLite gives its 64-bit rowid only to a column of type INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")

reporting = Table(
    "local_alx_api_reporting",
    metadata,
    Column("companyid", BigInteger, primary_key=True, autoincrement=False),
    Column("userid", BigInteger, primary_key=True, autoincrement=False),
    Column("courseid", BigInteger, primary_key=True, autoincrement=False),
    Column("username", Text, nullable=False),
    Column("firstname", Text, nullable=False),
    Column("lastname", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("coursename", Text, nullable=False),
    Column("timecompleted", BigInteger, nullable=False, comment="0 = not completed"),
    Column("timestarted", BigInteger, nullable=False, comment="0 = not started"),
    Column("timeenrolled", BigInteger, nullable=False),
    Column("percentage", Percentage, comment="NULL = completion off or nothing tracked"),
    Column("status", String(16), nullable=False, comment="completed, in_progress or not_started"),
    Column("activities_total", Integer, nullable=False),
    Column("activities_completed", Integer, nullable=False),
    Column("last_updated", BigInteger, nullable=False, comment="when the row's content last moved"),
    Column("is_deleted", SmallInteger, nullable=False, comment="1 = tombstone: the row no longer qualifies"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("change_seq", BigInteger, nullable=False, comment="sync_runs.id of the run that last moved the content"),
    comment="One row per company, learner and course: what Moodle core says about the learner's progress",
    sqlite_with_rowid=False,  # rows lie in key order, so a company's page is one read
)

companies = Table(
    "companies",
    metadata,
    Column("companyid", BigInteger, primary_key=True, autoincrement=False),
    Column("shortname", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("suspended", SmallInteger, nullable=False),
    Column("is_deleted", SmallInteger, nullable=False, comment="1 = the company is gone from Moodle"),
    Column("row_count", BigInteger, nullable=False, comment="rows of the company that are not deleted"),
    Column("published_seq", BigInteger, nullable=False, comment="change_seq up to which readers may read"),
    Column("last_synced_at", BigInteger, comment="when a sync last brought the company up to date"),
    Column("last_error", Text, comment="why the last sync of the company failed; NULL when it did not"),
    Column("settings_version", BigInteger, nullable=False, server_default="0", comment="moves with any setting"),
    Column("cache_id", String(16), comment="random: tells its pages in a Redis from those of another database"),
    Index(None, "shortname"),
)

sync_runs = Table(
    "sync_runs",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("kind", String(16), nullable=False, comment="hourly or rebuild"),
    Column("status", String(16), nullable=False, comment="running, succeeded, failed or interrupted"),
    Column("window_start", BigInteger, comment="start of the first hour asked for; NULL for a rebuild"),
    Column("window_end", BigInteger, comment="end of the last hour asked for"),
    Column("as_of", BigInteger, nullable=False, comment="instant at which enrolment periods were judged"),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("seconds", Float),
    Column("companies", Integer, nullable=False, server_default="0"),
    Column("companies_failed", Integer, nullable=False, server_default="0"),
    Column("processed", BigInteger, nullable=False, server_default="0", comment="rows judged, bad records included"),
    Column("created", BigInteger, nullable=False, server_default="0"),
    Column("updated", BigInteger, nullable=False, server_default="0"),
    Column("deleted", BigInteger, nullable=False, server_default="0"),
    Column("unchanged", BigInteger, nullable=False, server_default="0"),
    Column("errors", BigInteger, nullable=False, server_default="0", comment="bad records"),
    Column("ranges", Integer, nullable=False, server_default="0", comment="learner ranges"),
    Column("ranges_skipped", Integer, nullable=False, server_default="0", comment="ranges whose digest was the same"),
    Column("error", Text),
    Column("dagster_run_id", String(36)),
    Index(None, "started_at"),
    sqlite_autoincrement=True,  # change_seq is this id: it must never be given twice, not even after a purge
)

sync_run_companies = Table(
    "sync_run_companies",
    metadata,
    Column("run_id", RowId, ForeignKey("sync_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("companyid", BigInteger, primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False, comment="succeeded or failed"),
    Column("processed", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("deleted", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False, comment="writing the company's changes"),
    Column("error", Text),
)

sync_errors = Table(
    "sync_errors",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("run_id", RowId, ForeignKey("sync_runs.id", ondelete="CASCADE"), nullable=False),
    Column("companyid", BigInteger),
    Column("userid", BigInteger),
    Column("courseid", BigInteger),
    Column("source_table", String(64), nullable=False),
    Column("source_column", String(64), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Index(None, "run_id"),
)

sync_digests = Table(
    "sync_digests",
    metadata,
    Column("first_userid", BigInteger, primary_key=True, autoincrement=False),
    Column("last_userid", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False, comment="of everything in Moodle that the range's rows depend on"),
    Column("as_of", BigInteger, nullable=False, comment="instant the rows were judged at"),
    Column("valid_until", BigInteger, comment="first instant at which time alone changes a row; NULL = never"),
    Column("facts", Text, nullable=False, comment="JSON: what the range adds to a run's figures"),
    CheckConstraint("first_userid <= last_userid", name="range"),
    comment="What each learner range looked like in Moodle when its rows were last right: an equal digest is skipped",
)

reporting_history = Table(
    "local_alx_api_reporting_history",
    metadata,
    *(Column(each.name, each.type, nullable=each.nullable, primary_key=each.primary_key, autoincrement=False)
      for each in reporting.columns),
    Column("superseded_seq", BigInteger, primary_key=True, autoincrement=False, comment="run that replaced it"),
    Column("superseded_at", BigInteger, nullable=False),
    comment="Row versions that a sync replaced, kept for hours for clients in the middle of their pages",
    sqlite_with_rowid=False,
)  # fmt: skip

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
    Column("settings_version", BigInteger, nullable=False, server_default="0",
           comment="companies.settings_version at its beginning"),
    Column("view", Text, nullable=False, server_default="", comment="JSON: courses and fields hidden at its beginning"),
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

_NOT_OK = text("outcome <> 'ok'")

request_log = Table(
    "local_alx_api_logs",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("request_id", String(36), nullable=False, unique=True),
    Column("timeaccessed", BigInteger, nullable=False, comment="epoch milliseconds"),
    Column("token_id", BigInteger),
    Column("key_prefix", String(8), nullable=False, comment="start of a key that was refused"),
    Column("companyid", BigInteger),
    Column("endpoint", String(32), nullable=False),
    Column("method", String(8), nullable=False),
    Column("outcome", String(32), nullable=False, comment="ok, or the error code"),
    Column("http_status", SmallInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False, comment="of the body as sent"),
    Column("response_time_ms", Float, nullable=False),
    Column("cache_hit", SmallInteger, nullable=False),
    Column("replay", SmallInteger, nullable=False, comment="1 = the same page again within two minutes"),
    Column("charged", SmallInteger, nullable=False, comment="1 = counted against the quota"),
    Column("ip_address", String(45), nullable=False),
    Column("user_agent", String(255), nullable=False),
    Column("page_limit", Integer),
    Column("page_offset", BigInteger),
    Column("mode", String(16)),
    Index(None, "timeaccessed", postgresql_using="brin"),
    # Refused requests are the few that the status page asks for by name; answered ones pay nothing for it.
    Index("local_alx_api_logs_errors_ix", "timeaccessed", postgresql_where=_NOT_OK, sqlite_where=_NOT_OK),
    comment="Every request, answered or refused. Never a token, a body or a name",
)

api_metrics_hourly = Table(
    "api_metrics_hourly",
    metadata,
    Column("hour", BigInteger, primary_key=True, autoincrement=False, comment="start of the hour"),
    Column("companyid", BigInteger, primary_key=True, autoincrement=False, comment="0 = requests without a company"),
    Column("calls", BigInteger, nullable=False),
    Column("successes", BigInteger, nullable=False, comment="calls with outcome ok"),
    Column("errors", BigInteger, nullable=False),
    Column("errors_by_code", Text, nullable=False, comment="JSON: error code -> calls"),
    Column("cache_hits", BigInteger, nullable=False),
    Column("replays", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False, comment="rows served"),
    Column("bytes", BigInteger, nullable=False, comment="of the bodies as sent"),
    Column("mean_ms", Float, nullable=False),
    Column("p50_ms", Float, nullable=False, comment="percentiles: within 3 %, from the histogram"),
    Column("p95_ms", Float, nullable=False),
    Column("p99_ms", Float, nullable=False),
    Column("max_ms", Float, nullable=False),
    Column("histogram", Text, nullable=False, comment="JSON: bucket of response times -> calls"),
    Column("addresses", BigInteger, nullable=False, comment="distinct addresses"),
    Column("failed_auth", BigInteger, nullable=False, comment="calls whose token was refused"),
    Column("quota_refusals", BigInteger, nullable=False),
    Column("charged", BigInteger, nullable=False, comment="calls counted against the quota"),
    Column("computed_at", BigInteger, nullable=False),
    comment="The request log by hour and company; a company without a call in an hour has no row",
    sqlite_with_rowid=False,
)

api_token_addresses = Table(
    "api_token_addresses",
    metadata,
    Column("token_id", BigInteger, primary_key=True, autoincrement=False),
    Column("site", String(45), primary_key=True, comment="IPv4 address, or the /64 of an IPv6 one"),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    comment="From where each token was used: what the request log knew before it was purged",
)

_NOT_RESOLVED = text("state <> 'resolved'")
_PENDING = text("state = 'pending'")

alerts = Table(
    "local_alx_api_alerts",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("alert", String(32), nullable=False, comment="sync_failed, api_slow and so on"),
    Column("subject", Text, nullable=False, comment="whom it is about: shortname, token or address; empty = all"),
    Column("severity", String(8), nullable=False, comment="info, warning or critical"),
    Column("state", String(16), nullable=False, comment="open, acknowledged or resolved"),
    Column("companyid", BigInteger),
    Column("token_id", BigInteger),
    Column("title", Text, nullable=False),
    Column("message", Text, nullable=False, comment="what is wrong, with the figures of last_seen_at"),
    Column("recommendation", Text, nullable=False, comment="what to do"),
    Column("link", Text, nullable=False, comment="where to look: Dagit or the status page; empty = nowhere"),
    Column("details", Text, nullable=False, comment="JSON: figures by name"),
    Column("occurrences", Integer, nullable=False, comment="how often it was seen since it opened"),
    Column("opened_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("notified_at", BigInteger, comment="when people were last told that it is there; NULL = not yet"),
    Column("acknowledged_at", BigInteger),
    Column("resolved_at", BigInteger),
    # At most one incident per alert and subject at a time, whoever looks at the same moment.
    Index(None, "alert", "subject", unique=True, postgresql_where=_NOT_RESOLVED, sqlite_where=_NOT_RESOLVED),
    Index(None, "opened_at"),
    comment="Incidents: one row from the moment a threshold is crossed until it is well again",
    sqlite_autoincrement=True,  # messages name alerts by this id
)

alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("id", RowId, Identity(), primary_key=True),
    Column("alert_id", RowId, ForeignKey("local_alx_api_alerts.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False, comment="opened, reminder, recovered or test"),
    Column("sequence", Integer, nullable=False, comment="number of the reminder; 0 for the other kinds"),
    Column("channel", String(16), nullable=False, comment="slack or email"),
    Column("state", String(16), nullable=False, comment="pending, delivered or abandoned"),
    Column("body", Text, nullable=False, comment="JSON: the message as it was when it was stored"),
    Column("attempts", Integer, nullable=False, comment="tries begun, the one under way included"),
    Column("created_at", BigInteger, nullable=False),
    Column("next_attempt_at", BigInteger, nullable=False, comment="not tried before"),
    Column("claimed_until", BigInteger, comment="until then it belongs to the process that tries it"),
    Column("delivered_at", BigInteger),
    Column("last_error", Text, comment="why the last try failed; never an address or a secret"),
    UniqueConstraint("alert_id", "kind", "sequence", "channel"),
    Index(None, "next_attempt_at", postgresql_where=_PENDING, sqlite_where=_PENDING),
    comment="The outbox: each message to each channel, stored with its alert and delivered after",
    sqlite_autoincrement=True,
)

status_logins = Table(
    "status_logins",
    metadata,
    Column("address", String(45), primary_key=True, comment="IPv4, or the /64 of an IPv6 one"),
    Column("period", BigInteger, nullable=False, comment="start of the quarter of an hour that is counted"),
    Column("attempts", Integer, nullable=False),
    comment="Attempts at the status page's password, counted for all processes together",
)
