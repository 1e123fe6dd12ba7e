"""What the request log and the quota cost on top of a cached page: microseconds at p50, one connection, PostgreSQL.

    python benchmarks/overhead.py [--seconds 3] [--rounds 5] [--json FILE]

Needs wrk, and PostgreSQL on 127.0.0.1 (or ALX_TEST_POSTGRESQL_URL). The API, and the same app over a journal that
forgets what it is told (unlogged_app.py), serve the second page of a read in turn; `quota_mode` says whether it counts.
Where it does not, the same look at the token is taken, only the count is left out. A log entry is made in both, so its
cost is measured apart, in a loop, and added. Medians of rounds; differences are those within a round.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import falcon.testing
from sqlalchemy import Engine

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from api import PAGE, fill, lua, wrk
from servers import serving
from unlogged_app import NoJournal

from alx_core.store.engine import make_engine
from api_server.middleware import RequestLog
from support.api import PATH, Api, set_company
from support.databases import plain, scratch_database

ROWS = 10_000
FLOOR_US = 150
"""For log and quota together: design.md, 7."""
LOOPS = 20_000
PLAIN, LOG, QUOTA, BOTH = "neither", "log", "quota", "log and quota"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with scratch_database("postgresql") as url, tempfile.TemporaryDirectory() as name:
        folder, engine = Path(name), make_engine(url)
        token = fill(engine, ROWS)
        logged, unlogged = Api(folder / "api", url), Api(folder / "unlogged", url)
        command = [sys.executable, "-m", "gunicorn", "-c", "python:api_server.gunicorn_conf", "unlogged_app:make_app()"]
        env = {
            "ALX_HOME": str(unlogged.home),
            "ALX_DATABASE_URL": plain(url),
            "ALX_API_BIND": f"127.0.0.1:{unlogged.port}",
            "PYTHONPATH": str(Path(__file__).parent),
        }
        with logged.running(), serving(command, f"{unlogged.url}/healthz", folder, env):
            rounds = measure(engine, logged, unlogged, token, options)
        engine.dispose()
    results = report(rounds, entry_us(), options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def measure(
    engine: Engine, logged: Api, unlogged: Api, token: str, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Return the p50 of each contender, in microseconds, round by round."""
    contenders = ((PLAIN, unlogged, "reads"), (LOG, logged, "reads"), (QUOTA, unlogged, "requests"),
                  (BOTH, logged, "requests"))  # fmt: skip
    rounds: dict[str, list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        for name, api, quota_mode in contenders:
            set_company(engine, 1, quota_mode=quota_mode)
            for offset in (0, PAGE):  # the read begins; a later page of it counts in `requests` only
                api.call(token, limit=PAGE, offset=offset)
            _, p50_ms = wrk(api.url, lua(token, accept="", offset=str(PAGE)), 1, options.seconds)
            rounds[name].append(p50_ms * 1000)
    return rounds


def entry_us() -> float:
    """Microseconds that it takes to make a request's log entry, and to read the row from it."""
    middleware = RequestLog(NoJournal(), "")
    resp = falcon.Response()
    times = []
    for _ in range(LOOPS):
        req = falcon.testing.create_req(method="POST", path=PATH, headers={"User-Agent": "Microsoft.Data.Mashup"})
        began = time.perf_counter()
        middleware.process_request(req, resp)
        req.context.entry.record()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def report(rounds: dict[str, list[float]], entry: float, options: argparse.Namespace) -> dict[str, object]:
    """Print the medians, and what is added to a page; return them."""
    print(f"cached page of {PAGE} rows, 1 connection, {options.rounds} rounds of {options.seconds} s\n")
    print("| with | p50 us | more than with neither |\n|---|---|---|")
    added = {
        name: statistics.median(mine - plain for mine, plain in zip(times, rounds[PLAIN], strict=True))
        for name, times in rounds.items()
    }
    for name, times in rounds.items():
        print(f"| {name} | {statistics.median(times):.0f} | {added[name]:.0f} |")
    cost = added[BOTH] + entry
    verdict = "within" if cost <= FLOOR_US else "BEYOND"
    print(f"\nmaking the log entry: {entry:.0f} us; log and quota {cost:.0f} us, {verdict} the floor of {FLOOR_US} us")
    return {"rounds": rounds, "added_us": added, "entry_us": entry, "cost_us": cost, "floor_us": FLOOR_US}


if __name__ == "__main__":
    main()
