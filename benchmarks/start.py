"""How long the commands take to start, and what an API worker holds in memory.

    python benchmarks/start.py [--rounds 5] [--requests 10000] [--pages 300] [--json FILE]

Needs PostgreSQL on 127.0.0.1 (or ALX_TEST_POSTGRESQL_URL). Each command is a process of its own, all of them in turn;
seconds of wall time, medians of rounds. `import dagster` alone shows what of the code location's time is Dagster's. The
worker is the larger of the two after so many requests for one page, and then for all pages of a table that fill its
cache (`ALX_API_MEMORY_CACHE_MB`).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from api import PAGE, fill
from processes import resident_mb
from report import Report, json_option

from alx_core.store.engine import make_engine
from support.api import PATH, Api, form
from support.databases import plain, scratch_database
from support.stack import ALX

CLIENTS = 8
STATUS, TOKENS, LOCATION = "alx status", "alx token list", "import of the Dagster code location"
COMMANDS = {
    STATUS: (ALX, "status"),
    TOKENS: (ALX, "token", "list"),
    LOCATION: (sys.executable, "-c", "import alx_pipeline.definitions"),
    "import dagster": (sys.executable, "-c", "import dagster"),
}
FLOORS_S = {STATUS: 0.4, TOKENS: 0.4, LOCATION: 1.5}
WORKER_FLOOR_MB = 80


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--pages", type=int, default=300, help="of the table that fills a worker's cache")
    json_option(parser)
    options = parser.parse_args()
    report = Report()
    with scratch_database("postgresql") as url, tempfile.TemporaryDirectory() as folder:
        engine = make_engine(url)
        token = fill(engine, options.pages * PAGE)
        engine.dispose()
        env = {**os.environ, "ALX_DATABASE_URL": plain(url), "ALX_HOME": folder}
        measure_commands(report, env, options.rounds)
        measure_worker(report, Api(Path(folder) / "api", url), token, options.requests, options.pages)
    report.finish(options.json)


def measure_commands(report: Report, env: Mapping[str, str], rounds: int) -> None:
    """Run all commands in turn, so often."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            seconds[name].append(time_of(command, env))
    report.table(f"Start; rounds: {rounds}", ("command", "seconds", "in the rounds"))
    for name, each in seconds.items():
        median = statistics.median(each)
        report.row(name, f"{median:.2f}", f"{min(each):.2f} to {max(each):.2f}")
        report.figures.append({"what": name, "seconds": each})
        if name in FLOORS_S:
            report.at_most(name, median, FLOORS_S[name], "s")


def time_of(command: Sequence[str], env: Mapping[str, str]) -> float:
    """Run a command; return its seconds. Fails when it does."""
    began = time.perf_counter()
    subprocess.run(command, env=env, check=True, capture_output=True)
    return time.perf_counter() - began


def measure_worker(report: Report, api: Api, token: str, requests: int, pages: int) -> None:
    """Ask for one page again and again, then for every page of the table; look at the workers' memory each time."""
    columns = ("after", "MB")
    with api.running():
        report.table("The larger of two API workers", columns)
        figures = {"what": "worker", "start_mb": largest_mb(api)}
        report.row("its start", f"{figures['start_mb']:.0f}")
        ask(api, token, [0] * requests)
        figures["one_page_mb"] = largest_mb(api)
        report.row(f"{requests:,} requests for one page", f"{figures['one_page_mb']:.0f}")
        ask(api, token, [PAGE * (number % pages) for number in range(4 * pages)])
        figures["full_cache_mb"] = largest_mb(api)
        report.row(f"{4 * pages:,} requests for {pages} pages", f"{figures['full_cache_mb']:.0f}")
    report.figures.append(figures)
    report.at_most(f"API worker after {requests:,} requests", figures["one_page_mb"], WORKER_FLOOR_MB, "MB")


def ask(api: Api, token: str, offsets: Sequence[int]) -> None:
    """Ask for a page at each of `offsets`, over CLIENTS connections."""

    def some(first: int) -> None:
        with api.client() as client:
            for offset in offsets[first::CLIENTS]:
                client.post(PATH, data=form(token, limit=PAGE, offset=offset)).raise_for_status()

    with ThreadPoolExecutor(CLIENTS) as executor:
        list(executor.map(some, range(CLIENTS)))


def largest_mb(api: Api) -> float:
    """Memory of the worker that holds most."""
    return max(resident_mb(pid) for pid in api.workers())


if __name__ == "__main__":
    main()
