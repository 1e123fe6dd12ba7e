"""How long the status page takes over a large request log: p50 and p95 of each tab, on the server.

    python benchmarks/status_page.py [--log-rows 10000000] [--table-rows 1000000] [--companies 200] [--requests 100]
        [--json FILE]

Makes its own database on the PostgreSQL server of ALX_TEST_POSTGRESQL_URL and drops it at the end. Two situations: the
hourly metrics are up to date; and Dagster has been dead for a day, so that all 24 hours come from the log.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import falcon.testing
from sqlalchemy import Connection, Engine, event, text

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from report import Report, json_option

from alx_core.services.metrics import record_hours
from alx_core.settings import Settings
from alx_core.store.engine import make_engine, transaction
from alx_core.store.schema import migrate
from api_server.database import Database
from api_server.status.address import Tab
from api_server.status.routes import add_status_routes
from support.databases import scratch_database
from support.status_server import make_settings

HOUR_S = 3600
DAYS = 90
HEADERS = {"Host": "127.0.0.1"}
FLOOR_MS, JUDGED = 100, 10_000_000
"""p95 of a tab over so many log rows: design.md, 7."""

COMPANIES = """
INSERT INTO companies (companyid, shortname, name, suspended, is_deleted, row_count, published_seq, last_synced_at)
SELECT n, 'company' || n, 'Company ' || n, 0, 0, :table_rows / :companies, 1, :now - 600
FROM generate_series(1, :companies) n
"""
TABLE = """
INSERT INTO local_alx_api_reporting SELECT n % :companies + 1, n, n % 97 + 2, 'user' || n, 'Ada', 'Byron',
    'user' || n || '@example.com', 'Course ' || n % 97, 0, :now - 9000, :now - 90000, n % 100, 'in_progress', 10, 4,
    :now - 9000, 0, :now - 9000, :now - 9000, 1
FROM generate_series(1, :table_rows) n
"""
RUNS = """
INSERT INTO sync_runs (kind, status, window_start, window_end, as_of, started_at, finished_at, seconds, companies,
    processed, created, updated, dagster_run_id)
SELECT 'hourly', CASE WHEN n % 29 = 0 THEN 'failed' ELSE 'succeeded' END, :hour - n * 3600 - 3600, :hour - n * 3600,
    :hour - n * 3600, :hour - n * 3600 + 300, :hour - n * 3600 + 309, 9, :companies, :table_rows, 10, 200,
    md5(n::text)::uuid::text
FROM generate_series(720, 0, -1) n
"""
RUN_COMPANIES = """
INSERT INTO sync_run_companies SELECT r.id, n, 'succeeded', 5000, 1, 5, 0, 4994, 0, 0.1, NULL
FROM sync_runs r, generate_series(1, :companies) n WHERE r.started_at > :now - 8 * 86400
"""
LOG = """
INSERT INTO local_alx_api_logs (request_id, timeaccessed, token_id, key_prefix, companyid, endpoint, method, outcome,
    http_status, rows, bytes, response_time_ms, cache_hit, replay, charged, ip_address, user_agent, page_limit,
    page_offset, mode)
SELECT md5(n::text), :now * 1000 - (:log_rows - n) * (:span_s * 1000.0 / :log_rows)::bigint,
    CASE WHEN n % 50 <> 0 THEN n % :companies + 1 END, CASE WHEN n % 50 = 0 THEN 'key' || n % 40 ELSE '' END,
    CASE WHEN n % 50 <> 0 THEN n % :companies + 1 END, 'moodle', 'POST',
    CASE WHEN n % 50 = 0 THEN 'invalidtoken' WHEN n % 101 = 0 THEN 'ratelimitexceeded' ELSE 'ok' END, 200, 1000, 40000,
    exp(1.5 + 1.2 * (hashint8(n) % 1000) / 1000.0), n % 7 / 2 % 2, 0, 1, '192.0.2.' || n % 200,
    'Microsoft.Data.Mashup', 1000, 0, 'full'
FROM generate_series(1, :log_rows) n
"""
USAGE = "INSERT INTO api_usage SELECT n, :day, n FROM generate_series(1, :companies) n"
TOKENS = """
INSERT INTO api_tokens (token_hash, prefix, name, companyid, source, owner_state, allowed_networks, created_at)
SELECT md5(n::text), 'alx_' || n, 'Power BI', n, 'alx', 'active', '', :now FROM generate_series(1, :companies) n
"""
UNIQUE = "local_alx_api_logs_request_id_uq"


def main() -> None:
    """Build, measure, drop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log-rows", type=int, default=10_000_000)
    parser.add_argument("--table-rows", type=int, default=1_000_000)
    parser.add_argument("--companies", type=int, default=200)
    parser.add_argument("--requests", type=int, default=100)
    json_option(parser)
    options = parser.parse_args()
    now = int(time.time())
    with scratch_database("postgresql") as url:
        engine = make_engine(url)
        migrate(engine)
        began = time.perf_counter()
        build(
            engine,
            now=now,
            companies=options.companies,
            table_rows=options.table_rows,
            log_rows=options.log_rows,
        )
        print(f"{options.log_rows:,} log rows over {DAYS} days, {options.table_rows:,} reporting rows, "
              f"{options.companies} companies: built in {time.perf_counter() - began:.0f} s")  # fmt: skip
        report = Report()
        measure_page(report, engine, now=now, log_rows=options.log_rows, requests=options.requests)
        engine.dispose()
    report.finish(options.json)


def build(engine: Engine, *, now: int, companies: int, table_rows: int = 1_000_000, log_rows: int = 0) -> None:
    """Fill the tables. No `log_rows`: the log is there already."""
    values = {
        "now": now,
        "hour": now - now % HOUR_S,
        "day": time.strftime("%Y-%m-%d", time.gmtime(now)),
        "span_s": DAYS * 24 * HOUR_S,
        "log_rows": log_rows,
        "table_rows": table_rows,
        "companies": companies,
    }
    with transaction(engine) as connection:
        for statement in (COMPANIES, TABLE, RUNS, RUN_COMPANIES, USAGE, TOKENS):
            run(connection, statement, values)
        if log_rows:  # its unique index is made at the end, which is quicker
            connection.execute(text(f"ALTER TABLE local_alx_api_logs DROP CONSTRAINT {UNIQUE}"))
            run(connection, LOG, values)
            connection.execute(text(f"ALTER TABLE local_alx_api_logs ADD CONSTRAINT {UNIQUE} UNIQUE (request_id)"))


def measure_page(report: Report, engine: Engine, *, now: int, log_rows: int, requests: int = 100) -> None:
    """Measure both situations at `now`; the floor is for the first one, over JUDGED rows of the log at least."""
    settings = make_settings(engine.url.render_as_string(hide_password=False))
    hour = now - now % HOUR_S
    record_hours(engine, start=hour - 30 * HOUR_S, end=hour, now=now)
    over = f"status page over {log_rows:,} log rows"
    slowest_ms = measure(report, f"{over}, hourly metrics up to date", settings, now, requests)
    if log_rows <= JUDGED:
        report.at_most(f"{over}, p95 of the slowest tab", slowest_ms, FLOOR_MS, "ms")
    with transaction(engine) as connection:
        connection.execute(text("DELETE FROM api_metrics_hourly"))
    measure(report, f"{over}, Dagster dead for a day: all from the log", settings, now, requests)


def run(connection: Connection, statement: str, values) -> None:
    """Execute a statement with those of `values` that it names; written out, so that PostgreSQL knows their types."""
    for name in sorted(values, key=len, reverse=True):
        value = values[name]
        statement = statement.replace(f":{name}", f"'{value}'" if isinstance(value, str) else f"{value}::bigint")
    connection.exec_driver_sql(statement.replace("%", "%%"))


def measure(report: Report, title: str, settings: Settings, now: int, requests: int) -> float:
    """Ask for each tab so often; return the slowest tab's p95 in milliseconds."""
    app = falcon.App()
    database = Database(settings.database)
    add_status_routes(app, database=database, settings=settings, clock=lambda: now)
    client = falcon.testing.TestClient(app, headers=HEADERS)
    slowest_ms = 0.0
    report.table(f"{title}; requests a tab: {requests}", ("tab", "p50 ms", "p95 ms", "max ms", "queries"))
    for tab in Tab:
        times = []
        with counted(database) as queries:
            for _ in range(requests):
                began = time.perf_counter()
                answer = client.simulate_get(f"/status?tab={tab}")
                times.append(1000 * (time.perf_counter() - began))
                assert answer.status_code == 200, answer.text
        p50, p95, each = statistics.median(times), statistics.quantiles(times, n=20)[-1], len(queries) / requests
        report.row(tab, f"{p50:.1f}", f"{p95:.1f}", f"{max(times):.1f}", f"{each:.1f}")
        report.figures.append(
            {"what": title, "tab": tab, "p50_ms": p50, "p95_ms": p95, "max_ms": max(times), "queries": each}
        )
        slowest_ms = max(slowest_ms, p95)
    database.close()
    return slowest_ms


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collect the statements that are executed."""
    statements: list[str] = []

    def note(*arguments) -> None:
        statements.append(arguments[2])

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)


if __name__ == "__main__":
    main()
