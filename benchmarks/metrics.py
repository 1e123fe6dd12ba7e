"""Hourly metrics among many log rows: `.venv/bin/python benchmarks/metrics.py [--requests 10000000]`.

Makes a database of its own on the PostgreSQL server (ALX_TEST_POSTGRESQL_URL, else postgres@127.0.0.1), fills the
request log with 90 days of 50 companies, measures, and drops it. Milliseconds of wall time; a measurement of an hour is
the median over many different hours, none of them measured before, so that no page of the log is warm on our account.
"""

import argparse
import os
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url

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
FLOOR_MS = 100
"""For one hour among 10,000,000 rows: design.md, 7."""
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
      FROM generate_series(1, :requests) AS n) AS made
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


def fill(engine: Engine, requests: int) -> None:
    """Write the log in order of time, as the API does."""
    values = {"start_ms": START * 1000, "span_ms": DAYS * 86_400_000, "requests": requests, "companies": COMPANIES}
    with engine.begin() as connection:
        connection.execute(text(FILL), values)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE local_alx_api_logs"))


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


def report(what: str, milliseconds: list[float]) -> None:
    """Print one line."""
    slowest = f"{max(milliseconds):>10,.1f}" if len(milliseconds) > 1 else " " * 10
    print(f"{what:<56}{statistics.median(milliseconds):>10,.1f}{slowest}")


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000_000)
    requests = parser.parse_args().requests
    with own_database() as engine:
        begun = time.perf_counter()
        fill(engine, requests)
        print(f"{requests:,} requests in {DAYS} days, {requests // DAYS // 24:,} an hour; filled in "
              f"{time.perf_counter() - begun:.0f} s\n")  # fmt: skip
        hours = random.Random(7).sample(range(START + 86_400, END - 86_400, HOUR_S), 2 * HOURS)
        print(f"{'milliseconds':<56}{'median':>10}{'slowest':>10}")
        counting = reading(engine, lambda connection, hour: count_hours(connection, start=hour, end=hour + HOUR_S))
        counted = measure(counting, hours[:HOURS])
        report("count one hour", counted)
        report(
            "record one hour, written rows included",
            measure(lambda hour: record_hours(engine, start=hour, end=hour + HOUR_S, now=END), hours[HOURS:]),
        )
        month = measure(lambda end: record_hours(engine, start=end - 30 * 86_400, end=end, now=END), [END])
        report("record 30 days at once", month)
        recent = random.Random(8).sample(range(END - 29 * 86_400, END - 86_400, HOUR_S), HOURS)
        unusual = reading(engine, lambda connection, hour: find_unusual(connection, hour=hour, now=END))
        report("find unusual use of one hour", measure(unusual, recent))
        late = reading(engine, lambda connection, end: late_hours(connection, start=end - 48 * HOUR_S, end=end))
        report("look for late requests in 48 hours", measure(late, [END - day * 86_400 for day in range(5)]))
        verdict = "within" if statistics.median(counted) <= FLOOR_MS else "BEYOND"
        print(f"\none hour: {verdict} the floor of {FLOOR_MS} ms")


if __name__ == "__main__":
    main()
