"""Hourly metrics, and the status page, among many log rows.

    python benchmarks/metrics.py [--rows 10000000 50000000] [--status-page] [--json FILE]

Makes a database of its own on the PostgreSQL server (ALX_TEST_POSTGRESQL_URL, else postgres@127.0.0.1) for each size,
fills the request log with 90 days of 50 companies, measures, and drops it; 50,000,000 rows take 15 GB of disk.
Milliseconds of wall time; a measurement of an hour is the median over many different hours, none of them measured
before, so that no page of the log is warm on our account. `--status-page` asks for the tabs of the status page over the
same log too (status_page.py does so alone).
"""

import argparse
import os
import random
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from report import Report, json_option
from status_page import UNIQUE, build, measure_page

from alx_core.domain.freshness import HOUR_S
from alx_core.services.metrics import late_hours, record_hours
from alx_core.services.unusual import find_unusual
from alx_core.store.engine import connect, make_engine
from alx_core.store.metrics import count_hours
from alx_core.store.schema import migrate

SERVER = os.environ.get("ALX_TEST_POSTGRESQL_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
DAYS = 90
COMPANIES = 50
HOURS = 25
FLOOR_MS, JUDGED = 100, 10_000_000
"""For one hour among so many rows: design.md, 7."""
FILL_STEP = 5_000_000
END = 1_795_507_200
START = END - DAYS * 86_400

FILL = """
INSERT INTO local_alx_api_logs (request_id, timeaccessed, token_id, key_prefix, companyid, endpoint, method, outcome,
  http_status, rows, bytes, response_time_ms, cache_hit, replay, charged, ip_address, user_agent, page_limit,
  page_offset, mode)
SELECT lpad(n::text, 36, '0'), :start_ms + (n::float8 / :requests * :span_ms)::bigint,
  CASE WHEN n % 50 > 0 THEN who END, CASE WHEN n % 50 = 0 THEN 'abcd' ELSE '' END, CASE WHEN n % 50 > 0 THEN who END,
  'moodle', 'POST',
  CASE WHEN n % 50 = 0 THEN 'invalidtoken' WHEN n % 77 = 0 THEN 'ratelimitexceeded' ELSE 'ok' END, 200,
  (n % 1000)::int, 200 * (n % 1000), exp(3 + 1.2 * sqrt(-2 * ln(1 - a)) * cos(2 * pi() * b)), (c * 4)::int / 3, 0, 1,
  '192.0.2.' || (who * 3 + (c * 3)::int), 'Microsoft.Data.Mashup', 1000, 1000 * (n % 5), 'full'
FROM (SELECT n, 1 + (random() * (:companies - 1))::int AS who, random() AS a, random() AS b, random() AS c
      FROM generate_series(:first, :last) AS n) AS made
"""


@contextmanager
def own_database() -> Iterator[Engine]:
    """Yield an engine on a new, migrated database, and drop it at the end."""
    name = f"alx_bench_{uuid.uuid4().hex[:12]}"
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = make_engine(make_url(SERVER).set(database=name))
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


def fill(engine: Engine, rows: int) -> None:
    """Write the log in order of time, as the API does. No write-ahead log, the unique index last: both are quicker."""
    values = {"start_ms": START * 1000, "span_ms": DAYS * 86_400_000, "requests": rows, "companies": COMPANIES}
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE local_alx_api_logs SET UNLOGGED"))
        connection.execute(text(f"ALTER TABLE local_alx_api_logs DROP CONSTRAINT {UNIQUE}"))
    for first in range(1, rows + 1, FILL_STEP):
        with engine.begin() as connection:
            connection.execute(text(FILL), {**values, "first": first, "last": min(rows, first + FILL_STEP - 1)})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"ALTER TABLE local_alx_api_logs ADD CONSTRAINT {UNIQUE} UNIQUE (request_id)"))


def measure(action: Callable[[int], object], hours: Sequence[int]) -> list[float]:
    """Milliseconds of `action` for each of `hours`."""
    seconds = []
    for hour in hours:
        begun = time.perf_counter()
        action(hour)
        seconds.append((time.perf_counter() - begun) * 1000)
    return seconds


def reading(engine: Engine, question: Callable[[Connection, int], object]) -> Callable[[int], object]:
    """Ask on a connection that is open, as a run's is."""

    def ask(hour: int) -> object:
        with connect(engine) as connection:
            return question(connection, hour)

    return ask


def main() -> None:
    """Fill, measure, print, for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000_000])
    parser.add_argument("--status-page", action="store_true")
    json_option(parser)
    options = parser.parse_args()
    report = Report()
    for rows in options.rows:
        with own_database() as engine:
            begun = time.perf_counter()
            fill(engine, rows)
            print(f"{rows:,} rows filled in {time.perf_counter() - begun:.0f} s")
            measure_metrics(report, engine, rows)
            if options.status_page:
                build(engine, now=END, companies=COMPANIES)
                measure_page(report, engine, now=END, log_rows=rows)
    report.finish(options.json)


def measure_metrics(report: Report, engine: Engine, rows: int) -> None:
    """Take all figures of one log of `rows` rows."""
    hours = random.Random(7).sample(range(START + 86_400, END - 86_400, HOUR_S), 2 * HOURS)
    recent = random.Random(8).sample(range(END - 29 * 86_400, END - 86_400, HOUR_S), HOURS)
    days = [END - day * 86_400 for day in range(5)]
    counting = reading(engine, lambda connection, hour: count_hours(connection, start=hour, end=hour + HOUR_S))
    unusual = reading(engine, lambda connection, hour: find_unusual(connection, hour=hour, now=END))
    late = reading(engine, lambda connection, end: late_hours(connection, start=end - 48 * HOUR_S, end=end))

    def recording(span_s: int) -> Callable[[int], object]:
        return lambda hour: record_hours(engine, start=hour, end=hour + span_s, now=END)

    month_s = 30 * 86_400
    steps: list[tuple[str, Callable[[int], object], Sequence[int]]] = [
        ("count one hour", counting, hours[:HOURS]),
        ("record one hour, written rows included", recording(HOUR_S), hours[HOURS:]),
        ("record 30 days at once", recording(month_s), [END - month_s]),
        ("find unusual use of one hour", unusual, recent),
        ("look for late requests in 48 hours", late, days),
    ]
    over = f"{rows:,} log rows in {DAYS} days, {rows // DAYS // 24:,} an hour"
    report.table(f"Hourly metrics: {over}", ("what", "median ms", "slowest ms", "times"))
    for what, action, starts in steps:
        times = measure(action, starts)
        median = statistics.median(times)
        report.row(what, f"{median:,.1f}", f"{max(times):,.1f}", str(len(times)))
        report.figures.append({"rows": rows, "what": what, "median_ms": median, "times_ms": times})
        if action is counting and rows <= JUDGED:
            report.at_most(f"hourly metrics of one hour among {rows:,} log rows", median, FLOOR_MS, "ms")


if __name__ == "__main__":
    main()
