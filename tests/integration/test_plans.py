"""PostgreSQL that has not looked at a table yet, nor vacuumed it, finds rows by their index all the same.

Its own daemon looks at a table that grows once a tenth of it is new: at ten million requests, after a million. Until
then the newest hours, which everybody asks for, are those that it knows nothing of.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, event, text
from structlog.testing import capture_logs

from alx_core.domain.alerts import AlertName
from alx_core.domain.changes import changes
from alx_core.domain.freshness import HOUR_S
from alx_core.domain.messages import Channel
from alx_core.services.metrics import late_hours, record_hours
from alx_core.services.status.performance import view_performance
from alx_core.services.status.security import view_security
from alx_core.services.status.sync import view_syncs
from alx_core.services.status.traffic import SETTLED_S, TrafficReader
from alx_core.services.unusual import find_unusual
from alx_core.store.alert_sources import refusals_of_hour, refusals_since
from alx_core.store.alerts import last_told
from alx_core.store.engine import transaction
from alx_core.store.monitoring.syncs import CompanyFilter
from alx_core.store.outbox import is_due
from alx_core.store.pages import Snapshot, read_page
from alx_core.store.reporting_sync import STATISTICS_SHARE, refresh_statistics, write_changes
from alx_core.store.tables import (
    alert_deliveries,
    alerts,
    companies,
    reporting,
    request_log,
    sync_run_companies,
    sync_runs,
)
from support.builders import COMPANY, NOW, make_report, make_report_row, make_stored
from support.reporting_databases import migrated_engine
from support.status_server import make_settings

pytestmark = pytest.mark.slow

HOUR = NOW - NOW % HOUR_S
REQUESTS, DAYS = 100_000, 90
FILL_LOG = f"""
    INSERT INTO {request_log.name} (
        request_id, timeaccessed, token_id, key_prefix, companyid, endpoint, method, outcome, http_status, rows, bytes,
        response_time_ms, cache_hit, replay, charged, ip_address, user_agent)
    SELECT gen_random_uuid(), {NOW * 1000} - CAST({REQUESTS} - n AS bigint) * {DAYS * 86_400_000 // REQUESTS},
        CASE WHEN n % 50 = 0 THEN NULL ELSE n % 40 END, 'aaaa', n % 40, 'moodle', 'POST',
        CASE WHEN n % 50 = 0 THEN 'invalidtoken' ELSE 'ok' END, 200, 10, 1000, 5, 1, 0, 1, '192.0.2.' || n % 9, ''
    FROM generate_series(CAST(:first AS integer), {REQUESTS}) AS n
"""
FILL_BOOKS = f"""
    WITH runs AS (
        INSERT INTO {sync_runs.name} (kind, status, as_of, started_at, finished_at)
        SELECT 'hourly', 'succeeded', {NOW}, {NOW} - n * 3600, {NOW} - n * 3600 + 9
        FROM generate_series(2000, 1, -1) AS n RETURNING id)
    INSERT INTO {sync_run_companies.name} SELECT id, n, 'succeeded', 5000, 1, 5, 0, 4994, 0, 0.1, NULL
    FROM runs, generate_series(1, 50) AS n
"""
FILL_ALERTS = f"""
    INSERT INTO {alerts.name} (
        alert, subject, severity, state, title, message, recommendation, link, details, occurrences, opened_at,
        last_seen_at, notified_at)
    SELECT 'failed_auth', 'address ' || n, 'warning', 'open', '', '', '', '', '{{}}', 1, {NOW}, {NOW}, {NOW}
    FROM generate_series(1, CAST(:waiting AS integer)) AS n
"""
FILL_OUTBOX = f"""
    INSERT INTO {alert_deliveries.name} (
        alert_id, kind, sequence, channel, state, body, attempts, created_at, next_attempt_at)
    SELECT id, 'opened', 0, 'slack', 'pending', '{{}}', 0, {NOW}, {NOW} FROM {alerts.name}
"""
Plan = dict[str, Any]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine("postgresql", tmp_path_factory.mktemp("plans")) as made:
        with made.begin() as connection:
            for table in (request_log, reporting):
                leave_alone(connection, table)
            connection.execute(text(FILL_LOG), {"first": 1})
        yield made


def leave_alone(connection: Connection, table: Table) -> None:
    """Keep the server's daemon away."""
    connection.execute(text(f"ALTER TABLE {table.name} SET (autovacuum_enabled = false)"))


@contextmanager
def planned(engine: Engine) -> Iterator[list[Plan]]:
    """Collect every node of the plans of all statements but INSERTs and the like."""
    nodes: list[Plan] = []

    def note(connection: Connection, _cursor: object, statement: str, values: Any, *_: object) -> None:
        if not statement.lstrip().startswith(("SELECT", "WITH")):
            return
        driver: Any = connection.connection.driver_connection
        found = driver.execute(f"EXPLAIN (FORMAT JSON) {statement}", values).fetchone()[0]
        nodes.extend(walk((found if isinstance(found, list) else json.loads(found))[0]["Plan"]))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield nodes
    finally:
        event.remove(engine, "before_cursor_execute", note)


def walk(plan: Plan) -> Iterator[Plan]:
    yield plan
    for inner in plan.get("Plans", ()):
        if plan["Node Type"] == "Limit":  # what is read for it ends early
            inner["Plan Rows"] = min(inner["Plan Rows"], plan["Plan Rows"])
        yield from walk(inner)


def of_type(nodes: list[Plan], kind: str) -> list[Plan]:
    return [node for node in nodes if node["Node Type"] == kind]


def assert_looks_at_little(nodes: list[Plan]) -> None:
    """The log is asked, by an index that is expected to find little: a larger log would be read whole else."""
    scans = [node for node in nodes if node.get("Relation Name") == request_log.name]
    assert scans
    assert not of_type(scans, "Seq Scan")
    assert max(node["Plan Rows"] for node in scans) < REQUESTS / 20


def ask_performance(connection: Connection) -> None:
    """Twice: the second look asks only which hours changed."""
    settings, reader = make_settings("postgresql://"), TrafficReader()
    for _ in range(2):
        view_performance(connection, settings, reader, now=HOUR + SETTLED_S)


def ask_security(connection: Connection) -> None:
    view_security(connection, make_settings("postgresql://"), now=NOW)


def ask_sensors(connection: Connection) -> None:
    late_hours(connection, start=HOUR - 48 * HOUR_S, end=HOUR)
    find_unusual(connection, hour=HOUR - HOUR_S, now=NOW)
    refusals_since(connection, since=NOW - HOUR_S, at_least=5)
    refusals_of_hour(connection, hour=HOUR - HOUR_S, at_least=5)


@pytest.mark.parametrize("ask", [ask_performance, ask_security, ask_sensors])
def test_no_question_about_the_last_days_reads_the_whole_log(engine: Engine, ask: Callable[[Connection], None]) -> None:
    with planned(engine) as nodes, engine.connect() as connection:
        ask(connection)
    assert_looks_at_little(nodes)


def test_counting_an_hour_does_not_read_the_whole_log(engine: Engine) -> None:
    with planned(engine) as nodes:
        record_hours(engine, start=HOUR - HOUR_S, end=HOUR, now=NOW)
    assert_looks_at_little(nodes)


def test_the_books_of_a_day_are_found_among_those_of_months(tmp_path: Path) -> None:
    with migrated_engine("postgresql", tmp_path) as engine:
        with engine.begin() as connection:
            for table in (sync_runs, sync_run_companies):
                leave_alone(connection, table)
            connection.execute(text(FILL_BOOKS))
        with planned(engine) as nodes, engine.connect() as connection:
            view_syncs(connection, make_settings("postgresql://"), CompanyFilter(), page=1, now=NOW)
    books = [node for node in nodes if node.get("Relation Name") == sync_run_companies.name]
    assert books
    assert not of_type(books, "Seq Scan")


def test_no_index_of_the_log_needs_a_vacuum_to_be_of_use(engine: Engine) -> None:
    query = text(
        "SELECT amname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam"
        " WHERE indrelid = CAST(:name AS regclass)"
    )
    with engine.connect() as connection:
        methods = list(connection.execute(query, {"name": request_log.name}).scalars())
    assert len(methods) == len(request_log.indexes) + 2  # the primary key's and the request's
    assert set(methods) == {"btree"}


def test_every_request_since_a_time_is_found_also_one_of_a_clock_that_ran_ahead(tmp_path: Path) -> None:
    with migrated_engine("postgresql", tmp_path) as engine, engine.begin() as connection:
        connection.execute(text(FILL_LOG), {"first": REQUESTS - 99})
        connection.execute(text(f"UPDATE {request_log.name} SET timeaccessed = {(NOW + 7 * 86_400) * 1000}"))
        found = refusals_since(connection, since=NOW, at_least=2)
    assert [(each.source, each.failures) for each in found] == [("key", 2)]


def fill_report(engine: Engine, *, users: int) -> None:
    rows = make_report(*(make_report_row(userid=user, courseid=course) for user in range(users) for course in (1, 2)))
    with transaction(engine) as connection:
        write_changes(connection, [changes(rows, make_stored())], run_id=1, now=NOW)
        names = {"shortname": "a", "name": "A", "suspended": 0, "is_deleted": 0, "row_count": 1, "published_seq": 1}
        connection.execute(companies.insert().values(companyid=COMPANY, **names))


def test_a_page_follows_the_key_and_sorts_nothing(tmp_path: Path) -> None:
    with migrated_engine("postgresql", tmp_path) as engine:
        with engine.begin() as connection:
            leave_alone(connection, reporting)
        fill_report(engine, users=40_000)
        with planned(engine) as nodes, engine.connect() as connection:
            page = read_page(connection, Snapshot(COMPANY, 1), after=(100, 1), skip=0, limit=100)
        assert len(page) == 100
        assert "Index Scan" in {node["Node Type"] for node in nodes if node.get("Relation Name") == reporting.name}
        assert not of_type(nodes, "Sort")


def test_a_page_ends_where_its_company_ends(tmp_path: Path) -> None:
    with migrated_engine("postgresql", tmp_path) as engine:
        fill_report(engine, users=10)
        with transaction(engine) as connection:
            next_one = make_report(make_report_row(companyid=COMPANY + 1))
            write_changes(connection, [changes(next_one, make_stored())], run_id=1, now=NOW)
            assert len(read_page(connection, Snapshot(COMPANY, 1), after=(7, 1), skip=0, limit=100)) == 5


@pytest.mark.parametrize("since", [{"since_seq": 1}, {"since_time": NOW - 1}])
def test_a_page_of_changes_follows_the_key_too(tmp_path: Path, since: dict[str, int]) -> None:
    with migrated_engine("postgresql", tmp_path) as engine:
        with engine.begin() as connection:
            leave_alone(connection, reporting)
        fill_report(engine, users=40_000)
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE {reporting.name} SET change_seq = 2 WHERE userid >= 20000"))
        with planned(engine) as nodes, engine.connect() as connection:
            page = read_page(connection, Snapshot(COMPANY, 2, **since), after=(100, 1), skip=0, limit=100)
        assert len(page) == 100
        assert "Index Scan" in {node["Node Type"] for node in nodes if node.get("Relation Name") == reporting.name}


def test_a_sync_that_changes_much_has_postgresql_look_at_the_table(tmp_path: Path) -> None:
    def known(engine: Engine) -> int:
        with engine.connect() as connection:
            query = text("SELECT reltuples FROM pg_class WHERE relname = :name")
            return int(connection.execute(query, {"name": reporting.name}).scalar_one())

    def known_columns(engine: Engine) -> int:
        with engine.connect() as connection:
            query = text("SELECT count(*) FROM pg_stats WHERE tablename = :name")
            return int(connection.execute(query, {"name": reporting.name}).scalar_one())

    with migrated_engine("postgresql", tmp_path) as engine:
        with engine.begin() as connection:
            leave_alone(connection, reporting)
        fill_report(engine, users=500)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"VACUUM {reporting.name}"))  # counts the rows, and looks at no column
        assert (known(engine), known_columns(engine)) == (1_000, 0)
        refresh_statistics(engine, changed=0)
        assert (known(engine), known_columns(engine)) == (1_000, 6)
        delete_learners(engine, below=50)
        refresh_statistics(engine, changed=int(1_000 * STATISTICS_SHARE))
        assert known(engine) == 1_000
        refresh_statistics(engine, changed=int(1_000 * STATISTICS_SHARE) + 1)
        assert known(engine) == 900


def delete_learners(engine: Engine, *, below: int) -> None:
    with engine.begin() as connection:
        connection.execute(reporting.delete().where(reporting.c.userid < below))


def test_a_sync_does_not_wait_for_who_vacuums_the_table(tmp_path: Path) -> None:
    with migrated_engine("postgresql", tmp_path) as engine, engine.begin() as connection:
        event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text(f"LOCK TABLE {reporting.name} IN SHARE UPDATE EXCLUSIVE MODE"))
        with capture_logs() as logs:
            refresh_statistics(engine, changed=1)
    assert logs == []


def test_what_was_written_stands_where_the_server_can_not_look(tmp_path: Path) -> None:
    def refuse(_: Connection, _cursor: object, statement: str, values: Any, *_others: object) -> tuple[str, Any]:
        return "SELECT 1 / 0" if statement.startswith("ANALYZE") else statement, values

    with migrated_engine("postgresql", tmp_path) as engine:
        event.listen(engine, "before_cursor_execute", refuse, retval=True)
        with capture_logs() as logs:
            refresh_statistics(engine, changed=1)
    assert [(each["event"], each["error"]) for each in logs] == [("statistics_not_refreshed", "division by zero")]


def fill_outbox(connection: Connection, *, waiting: int) -> None:
    for table in (alerts, alert_deliveries):
        leave_alone(connection, table)
    connection.execute(text(FILL_ALERTS), {"waiting": waiting})
    connection.execute(text(FILL_OUTBOX))


def ask_whether_due(connection: Connection) -> None:
    is_due(connection, list(Channel), now=NOW)


def ask_last_told(connection: Connection) -> None:
    last_told(connection, [AlertName.SYNC_FAILED], since=NOW - HOUR_S, now=NOW)


@pytest.mark.parametrize("ask", [ask_whether_due, ask_last_told])
def test_what_was_told_of_an_alert_and_subject_is_found_by_them(
    tmp_path: Path, ask: Callable[[Connection], None]
) -> None:
    """Without, each message that waits looked at all alerts of its name: 28 s for 2,000 refused addresses."""
    with migrated_engine("postgresql", tmp_path) as engine:
        with engine.begin() as connection:
            fill_outbox(connection, waiting=2_000)
        with planned(engine) as nodes, engine.connect() as connection:
            ask(connection)
    (found,) = [node for node in nodes if node.get("Alias") in ("theirs", alerts.name)]
    assert found.get("Index Name") == "local_alx_api_alerts_alert_subject_notified_at_ix"
    assert "alert" in found["Index Cond"]
