"""Who asked the API for what: the request log, and what is counted from it."""

from sqlalchemy import BigInteger, Column, Float, Identity, Index, Integer, SmallInteger, String, Table, Text, text

from alx_core.store.tables.common import RowId, metadata

IS_REFUSED = text("outcome <> 'ok'")
"""A condition on the request log. Written out: a parameter would not let the database see that the index fits."""

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
    Index(None, "timeaccessed"),
    # Refused requests are the few that the status page asks for by name; answered ones pay nothing for it.
    Index("local_alx_api_logs_errors_ix", "timeaccessed", postgresql_where=IS_REFUSED, sqlite_where=IS_REFUSED),
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
