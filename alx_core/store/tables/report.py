"""The reporting table, what it was made from, and the books of the syncs."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    FromClause,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
)

from alx_core.store.tables.common import Percentage, RowId, metadata

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


def is_current(rows: FromClause) -> ColumnElement[bool]:
    """Whether a row of the reporting table, or of its history, is no tombstone.

    Without statistics PostgreSQL takes `= 0` for one row in 200, and would sort them rather than follow the key.
    """
    return rows.c.is_deleted != 1


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
    Column("cache_id", String(16), comment="random, new with published_seq and settings_version, for caches"),
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
    Column("as_of", BigInteger, nullable=False, comment="instant the rows were judged at"),
    Column("valid_until", BigInteger, comment="first instant at which time alone changes a row; NULL = never"),
    Column("newest_change", BigInteger, comment="latest time in what Moodle's rows say"),
    Column("rules_version", Integer, nullable=False, comment="of the rules and of the hashes"),
    *(
        column
        for table in ("user", "user_enrolments", "course_modules_completion", "course_completions", "company_users")
        for column in (
            Column(f"{table}_rows", BigInteger, nullable=False, comment="rows in Moodle"),
            Column(f"{table}_total", BigInteger, nullable=False, comment="sum of their hashes, 63 bits of it"),
        )
    ),
    CheckConstraint("first_userid <= last_userid", name="range"),
    comment="What each learner range looked like in Moodle when its rows were last right: an equal digest is skipped",
)

sync_catalogue = Table(
    "sync_catalogue",
    metadata,
    Column("kind", String(16), primary_key=True, comment="course, company, or rest: what belongs to neither"),
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="of the course or company; 0 for the rest"),
    Column("digest", String(64), nullable=False, comment="of its rows in Moodle's catalogue"),
    comment="What courses and companies looked like in Moodle: the rows of ranges in sync_digests are right by that",
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
