"""What the request log and the quota cost on top of a cached page: microseconds at p50, one request at a time.

    python benchmarks/overhead.py [--requests 1000] [--rounds 5] [--json FILE]

Needs PostgreSQL on 127.0.0.1 (or ALX_TEST_POSTGRESQL_URL). Two apps in this process, the real one and one whose
journal forgets what it is told, serve the second page of a read. A request counts against the quota, or its statement
only looks its token up. The four combinations take turns request by request, so that whatever else the machine does
meets them all. A log entry is made in each of them, so its cost is measured apart and added. Carrying the rows into the
table happens after the answers, by a thread of the same process.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import falcon.testing
from sqlalchemy import Connection

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from api import PAGE, fill
from report import Report, json_option

from alx_core.store.access import Ahead, Found, find_access, find_access_ahead
from alx_core.store.engine import make_engine
from api_server import admission
from api_server.app import App, create_app
from api_server.database import Database
from api_server.entry import LogEntry
from api_server.journal import Journal
from api_server.middleware import RequestLog
from support.api import PATH, form
from support.databases import scratch_database
from support.status_server import make_settings

ROWS = 10_000
FLOOR_US = 150
"""For log and quota together: design.md, 7."""
WARM_UP = 50
HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Microsoft.Data.Mashup"}
PLAIN, LOG, QUOTA, BOTH = "neither", "log", "quota", "log and quota"

Contenders = Mapping[str, tuple[App, bool]]
"""An app, and whether its requests are counted."""


class NoJournal(Journal):
    """Forgets what it is told."""

    def __init__(self) -> None:
        """Neither a file nor a database."""

    def write(self, entry: LogEntry) -> None:
        """Forget it."""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000, help="of each kind in a round")
    parser.add_argument("--rounds", type=int, default=5)
    json_option(parser)
    options = parser.parse_args()
    with scratch_database("postgresql") as url, tempfile.TemporaryDirectory() as folder:
        engine = make_engine(url)
        token = fill(engine, ROWS)
        settings = make_settings(url.render_as_string(hide_password=False), home=Path(folder))
        journal, database = Journal(Path(folder) / "journal", settings.database), Database(settings.database)
        journal.start()
        logged, unlogged = (
            create_app(settings, database=database, request_log=RequestLog(each, ""), journal=each)
            for each in (journal, NoJournal())
        )
        contenders = {
            PLAIN: (unlogged, False),
            LOG: (logged, False),
            QUOTA: (unlogged, True),
            BOTH: (logged, True),
        }
        measure(contenders, token, WARM_UP)
        rounds = [measure(contenders, token, options.requests) for _ in range(options.rounds)]
        entry_us = measure_entry(options.requests)
        journal.close()
        database.close()
        engine.dispose()
    report = Report()
    tabulate(report, rounds, entry_us, options.requests)
    report.finish(options.json)


def look_only(
    connection: Connection, token_hash: str, page_limit: int, _ahead: Ahead, *, calls: int = 1
) -> Found | None:
    """Look a token up in the place of the statement that looks and counts (for `calls` calls at once)."""
    assert calls == 1
    access = find_access(connection, token_hash, page_limit)
    return None if access is None else Found(access, is_charged=True)


def measure(contenders: Contenders, token: str, requests: int) -> dict[str, float]:
    """Return the p50 of each contender in microseconds, `requests` of each, in a new order each time."""
    for app, _ in contenders.values():
        ask(app, token, 0)  # begins the read whose second page is asked for
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(requests):
        for name in random.sample(sorted(contenders), len(contenders)):
            app, is_counted = contenders[name]
            admission.find_access_ahead = find_access_ahead if is_counted else look_only
            times[name].append(ask(app, token, PAGE))
    return {name: statistics.median(times[name]) for name in contenders}


def ask(app: App, token: str, offset: int) -> float:
    """Ask for a page; return the microseconds that the app took."""
    body = urlencode(form(token, limit=PAGE, offset=offset))
    environ = falcon.testing.create_environ(PATH, method="POST", body=body, headers=HEADERS)
    answer = falcon.testing.StartResponseMock()
    began = time.perf_counter()
    page = b"".join(app(environ, answer))
    took = time.perf_counter() - began
    assert page.startswith(b'[{"userid"'), page[:200]
    return took * 1e6


def measure_entry(requests: int) -> float:
    """Return the microseconds that it takes to make a request's log entry."""
    middleware, resp, times = RequestLog(NoJournal(), ""), falcon.Response(), []
    for _ in range(requests):
        req = falcon.testing.create_req(method="POST", path=PATH, headers=HEADERS)
        began = time.perf_counter()
        middleware.process_request(req, resp)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def tabulate(report: Report, rounds: list[dict[str, float]], entry_us: float, requests: int) -> None:
    """Show the medians of rounds, and what comes on top."""
    title = f"A cached page of {PAGE} rows, {requests:,} requests of each kind; rounds: {len(rounds)}"
    report.table(title, ("with", "p50 us", "more than with neither", "in the rounds"))
    added: dict[str, float] = {}
    for name in (PLAIN, LOG, QUOTA, BOTH):
        more = sorted(each[name] - each[PLAIN] for each in rounds)
        added[name] = statistics.median(more)
        p50 = statistics.median(each[name] for each in rounds)
        report.row(name, f"{p50:.0f}", f"{added[name]:.0f}", f"{more[0]:.0f} to {more[-1]:.0f}")
    report.row("the making of the log entry, in all of them", f"{entry_us:.0f}", "", "")
    report.figures.append({"what": title, "rounds": rounds, "added_us": added, "entry_us": entry_us})
    report.at_most("request log and quota on top of a cached page", added[BOTH] + entry_us, FLOOR_US, "us")


if __name__ == "__main__":
    main()
