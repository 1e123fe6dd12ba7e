"""Alerts, and the outbox that tells them."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from alx_core.store.tables.common import RowId, metadata

IS_NOT_RESOLVED = text("state <> 'resolved'")
"""Written as the partial unique index has it, or the database would not see that it fits."""
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
    Index(None, "alert", "subject", unique=True, postgresql_where=IS_NOT_RESOLVED, sqlite_where=IS_NOT_RESOLVED),
    # Whether they are over or not: the order of the outbox, and when people were last told.
    Index(None, "alert", "subject", "notified_at"),
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
