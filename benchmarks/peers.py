"""The page of 1,000 rows by our API, by FastAPI with SQLAlchemy, and by Datasette, in turn, in the same minutes.

    python -m venv DIR
    DIR/bin/pip install fastapi 'uvicorn[standard]' sqlalchemy 'psycopg[binary]' datasette
    python benchmarks/peers.py --python DIR/bin/python [--rows 100000] [--seconds 3] [--rounds 3] [--json FILE]

The peers are no dependency of ours, hence an interpreter of their own; `make bench-peers` makes one in var/peers/web.
Needs wrk, and PostgreSQL on 127.0.0.1 (or ALX_TEST_POSTGRESQL_URL). FastAPI (peer_fastapi.py, two uvicorn workers)
reads the very table that our API reads; Datasette (one process, its only way) an immutable SQLite copy, and is spared
counts and facets. All but `cached` ask for a page at a random place each time, 8 connections. The peers do less: no
token, no quota, no log, no snapshot, times as numbers only. Figures are medians of rounds, ratios those of the rounds'.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from sqlalchemy import Engine, create_engine, insert, select
from sqlalchemy.engine import URL

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from api import PAGE, answers, fill, lua, wrk
from report import Report, json_option

from alx_core.store.engine import make_engine
from alx_core.store.tables import reporting
from support.api import Api, set_company
from support.databases import scratch_database
from support.stack import free_port, wait_for

CONNECTIONS = 8
START_S = 30
UNCACHED, CACHED = "ours, uncached", "ours, cached"
FASTAPI, DATASETTE = "FastAPI + SQLAlchemy", "Datasette"
COLUMNS = (
    "userid", "firstname", "lastname", "email", "courseid", "coursename", "timecompleted", "timestarted",
    "percentage", "status",
)  # fmt: skip
LUA = """
math.randomseed({seed})
local path = "{path}"
request = function()
  local user = math.random(2, {last})
  return wrk.format("GET", (path:gsub("USER", user)))
end
"""
FASTAPI_PATH = f"/page?companyid=1&limit={PAGE}&userid=USER&courseid=1"
DATASETTE_PATH = (
    f"/copy/{reporting.name}.json?companyid=1&_shape=array&_nocount=1&_nofacet=1&_size={PAGE}"
    f"{''.join(f'&_col={name}' for name in COLUMNS)}&_next=1,USER,1"
)
Rounds = dict[str, dict[str, list[float]]]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, required=True, help="interpreter that has the peers")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    json_option(parser)
    options = parser.parse_args()
    with scratch_database("postgresql") as url, tempfile.TemporaryDirectory() as name:
        folder, engine = Path(name), make_engine(url)
        token = fill(engine, options.rows)
        copy_to_sqlite(engine, folder / "copy.db")
        api = Api(folder / "api", url)
        with api.running(), peers(str(options.python.absolute()), folder, url) as addresses:
            sizes = page_sizes(api, token, addresses)
            rounds = measure(api, engine, token, addresses, options)
        engine.dispose()
    report = Report()
    tabulate(report, rounds, sizes, options)
    report.finish(options.json)


def copy_to_sqlite(engine: Engine, path: Path) -> None:
    """Write the reporting table, with its key, to a file."""
    copy = create_engine(f"sqlite:///{path}")
    reporting.create(copy)
    with engine.connect() as source, copy.begin() as target:
        for rows in source.execute(select(reporting).order_by(*reporting.primary_key)).mappings().partitions(10_000):
            target.execute(insert(reporting), [dict(row) for row in rows])
    copy.dispose()


@contextmanager
def peers(python: str, folder: Path, url: URL) -> Iterator[Mapping[str, str]]:
    """Serve both peers; yield the addresses of their pages; USER stands for the first learner."""
    database = url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    ports = [free_port(), free_port()]
    fast, data = (f"http://127.0.0.1:{port}" for port in ports)
    uvicorn = ["uvicorn", "peer_fastapi:app", "--app-dir", str(Path(__file__).parent), "--workers", "2"]
    datasette = ["datasette", "serve", "-i", str(folder / "copy.db")]
    fastapi = [python, "-m", *uvicorn, "--no-access-log", "--port", f"{ports[0]}"]
    with (
        serving(fastapi, f"{fast}/docs", folder, {"BENCH_DATABASE_URL": database}),
        serving([python, "-m", *datasette, "--port", f"{ports[1]}"], f"{data}/", folder, {}),
    ):
        yield {FASTAPI: fast + FASTAPI_PATH, DATASETTE: data + DATASETTE_PATH}


@contextmanager
def serving(command: Sequence[str], address: str, folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    """Run `command` once `address` answers; what it prints goes to `folder`."""
    with (folder / "servers.log").open("ab") as log:
        process = subprocess.Popen(command, env={**os.environ, **env}, cwd=folder, stdout=log, stderr=log)
    try:
        wait_for(lambda: answers(address), timeout_s=START_S, describe=f"an answer of {address}")
        yield
    finally:
        process.terminate()
        process.wait()


def page_sizes(api: Api, token: str, addresses: Mapping[str, str]) -> dict[str, int]:
    """Make sure that all serve the same rows; return the bytes of their page."""
    pages = {UNCACHED: api.call(token, limit=PAGE, offset=10 * PAGE).content}
    user = json.loads(pages[UNCACHED])[0]["userid"]
    for name, address in addresses.items():
        pages[name] = httpx.get(address.replace("USER", str(user)), trust_env=False, timeout=60).content
    keys = {name: [(row["userid"], row["courseid"]) for row in json.loads(page)] for name, page in pages.items()}
    assert all(each == keys[UNCACHED] for each in keys.values()), {name: each[:2] for name, each in keys.items()}
    return {CACHED: len(pages[UNCACHED])} | {name: len(page) for name, page in pages.items()}


def measure(api: Api, engine: Engine, token: str, addresses: Mapping[str, str], options: argparse.Namespace) -> Rounds:
    """Run all contenders one after the other, so often."""
    rounds: Rounds = defaultdict(lambda: defaultdict(list))
    anywhere = f"math.random(0, {options.rows // PAGE - 1}) * {PAGE}"
    for _ in range(options.rounds):
        for name in (CACHED, UNCACHED, *addresses):
            if name in addresses:
                parts = urlsplit(addresses[name])
                seed, last = random.randrange(10**6), (options.rows - PAGE) // 10
                address, script = addresses[name], LUA.format(seed=seed, path=f"{parts.path}?{parts.query}", last=last)
            else:
                set_company(engine, 1, cache_enabled=int(name == CACHED))
                address, script = api.url, lua(token, accept="", offset="0" if name == CACHED else anywhere)
            rate, p50_ms = wrk(address, script, CONNECTIONS, options.seconds)
            rounds[name]["rate"].append(rate)
            rounds[name]["p50_ms"].append(p50_ms)
    return rounds


def tabulate(report: Report, rounds: Rounds, sizes: Mapping[str, int], options: argparse.Namespace) -> None:
    """Show the medians, and how many times quicker our API is."""
    title = f"{options.rows:,} rows, pages of {PAGE} rows, {CONNECTIONS} connections; rounds: {options.rounds}"
    columns = ("contender", "requests/s", "p50 ms", "bytes", "ours uncached / it", "ours cached / it")
    report.table(title, columns)
    for name, figures in rounds.items():
        ratios = [
            statistics.median(ours / its for ours, its in zip(rounds[us]["rate"], figures["rate"], strict=True))
            for us in (UNCACHED, CACHED)
        ]
        rate, p50_ms = statistics.median(figures["rate"]), statistics.median(figures["p50_ms"])
        report.row(name, f"{rate:,.0f}", f"{p50_ms:.1f}", f"{sizes[name]:,}", *(f"{ratio:.2f}" for ratio in ratios))
        report.figures.append({"what": title, "contender": name, "rate": rate, "p50_ms": p50_ms, "bytes": sizes[name],
                               "uncached_ratio": ratios[0], "cached_ratio": ratios[1], "rounds": figures})  # fmt: skip


if __name__ == "__main__":
    main()
