"""The API beside nginx: cached and uncached pages of 1,000 rows, at 1, 8 and 32 connections, in the same minute.

    python benchmarks/api.py [--rows 1000000] [--seconds 3] [--rounds 3] [--json FILE]

Needs nginx and wrk, and PostgreSQL on 127.0.0.1 (or ALX_TEST_POSTGRESQL_URL). Makes its own database and drops it.
`uncached` asks for a page at a random offset each time, with the company's cache switched off; pgbench runs the bare
query of such a page. `bare` is a Falcon app that sends the same bytes, in the same gunicorn. First reads are those of
clients that page from the first row on, gzip'd, with the cache on, before anybody else. The quota is counted and every
request logged, as always. In each round all contenders run one after the other; figures are medians of rounds,
ratios those of the rounds' ratios.
"""

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import Engine, text

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from report import Report, json_option

from alx_core.services.tokens import create_token
from alx_core.store.companies import upsert_company
from alx_core.store.engine import make_engine, transaction
from alx_core.store.reporting_sync import refresh_statistics
from alx_core.store.schema import migrate
from support.api import FUNCTION, PATH, Api, set_company
from support.databases import scratch_database
from support.stack import free_port, wait_for

PAGE = 1000
CONNECTIONS = (1, 8, 32)
JUDGED = 8
"""Connections at which design.md, 7 sets its floors."""
PLUGIN_PAGES_S = 44
"""The PHP plugin in Moodle at its best: performance-facts.md."""
STATIC, BARE, CACHED, GZIP, PGBENCH, UNCACHED = (
    "nginx", "bare Falcon", "cached", "cached, gzip", "bare query by pgbench", "uncached",
)  # fmt: skip
LIMITS = {BARE: STATIC, CACHED: STATIC, GZIP: STATIC, UNCACHED: PGBENCH}
"""What each contender is measured against."""
FILL = """
INSERT INTO local_alx_api_reporting
SELECT 1, 2 + i / 10, 2 + i % 10, 'user' || i, 'Oluwaseun', 'Lastname' || i % 7919, 'user' || i || '@example.org',
  'Course of mandatory safety training number ' || i % 10, CASE WHEN i % 3 = 0 THEN 1790000000 + i % 1000000 ELSE 0 END,
  1780000000 + i % 1000000, 1770000000, round((i % 10000) / 100.0, 2),
  CASE WHEN i % 3 = 0 THEN 'completed' ELSE 'in_progress' END, 10, i % 10, 1790000000, 0, 1790000000, 1790000000, 1
FROM generate_series(0, :rows - 1) AS i
"""
LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
{accept}
local body = "wstoken={token}&wsfunction={function}&moodlewsrestformat=json&limit={page}&offset="
math.randomseed({seed})
request = function()
  local offset = {offset}
  return wrk.format(nil, "{path}", nil, body .. offset)
end
"""
READERS = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.headers["Accept-Encoding"] = "gzip"
local readers = 0
function setup(thread)
  thread:set("limit", {limit} - readers)
  readers = readers + 1
end
local body, offset = "wstoken={token}&wsfunction={function}&moodlewsrestformat=json&limit=", -1
request = function()
  offset = offset < 0 and 0 or offset + limit
  return wrk.format(nil, "{path}", nil, body .. limit .. "&offset=" .. offset)
end
"""
"""A thread is a client with a page length of its own, and so with pages of its own."""
POST = 'wrk.method = "POST"\nwrk.body = "limit=1000&offset=0"\n'
NGINX = """
worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; keepalive_requests 1000000; default_type application/json;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }} }}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """What is asked: our API with its database, and the addresses of nginx and of the bare app."""

    api: Api
    engine: Engine
    token: str
    rows: int
    static: str
    bare: str
    folder: Path


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=3, help="of each contender in a round")
    parser.add_argument("--rounds", type=int, default=3)
    json_option(parser)
    options = parser.parse_args()
    report = Report()
    with scratch_database("postgresql") as url, tempfile.TemporaryDirectory() as folder:
        engine = make_engine(url)
        token = fill(engine, options.rows)
        api = Api(Path(folder) / "api", url)
        with api.running():
            page = api.call(token, limit=PAGE, offset=0).content
            with nginx(Path(folder), page) as static, bare_falcon(Path(folder)) as bare:
                site = Site(api, engine, token, rows=options.rows, static=static, bare=bare, folder=Path(folder))
                measure(report, site, options, page_bytes=len(page))
                measure_first_reads(report, site, options)
            measure_offsets(report, site)
        engine.dispose()
    report.finish(options.json)


def fill(engine: Engine, rows: int) -> str:
    """Make one company with `rows` rows and an unlimited quota; return a token."""
    migrate(engine)
    with transaction(engine) as connection:
        connection.execute(text(FILL), {"rows": rows})
        upsert_company(connection, 1, shortname="one", name="One", published_seq=1, row_count=rows)
        token = create_token(connection, shortname="one", name="bench", expires_at=None, allowed_networks="", now=1)
    refresh_statistics(engine, changed=rows)
    set_company(engine, 1, rate_limit=0)
    return token


@contextmanager
def nginx(folder: Path, page: bytes) -> Iterator[str]:
    """Serve the same bytes as a file; yield its address."""
    port, www = free_port(), folder / "www"
    www.mkdir()
    folder.chmod(0o755)
    (www / "page.json").write_bytes(page)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port))
    process = subprocess.Popen([program("nginx"), "-c", str(config)])
    address = f"http://127.0.0.1:{port}/page.json"
    wait_for(lambda: answers(address), timeout_s=10, describe="nginx's start")
    try:
        yield address
    finally:
        process.terminate()
        process.wait()


@contextmanager
def bare_falcon(folder: Path) -> Iterator[str]:
    """Serve the same bytes by a Falcon app that does nothing else, as the API is served; yield its address."""
    port = free_port()
    env = {
        **os.environ,
        "ALX_HOME": str(folder / "bare"),
        "ALX_API_BIND": f"127.0.0.1:{port}",
        "BENCH_PAGE": str(folder / "www" / "page.json"),
        "PYTHONPATH": str(Path(__file__).parent),
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:api_server.gunicorn_conf", "bare_app:app"]
    with (folder / "bare.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}/page"
    try:
        wait_for(lambda: answers(address, "POST"), timeout_s=20, describe="the bare app's start")
        yield address
    finally:
        process.terminate()
        process.wait()


def answers(address: str, method: str = "GET") -> bool:
    """Whether the page is served."""
    try:
        return httpx.request(method, address, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def measure(report: Report, site: Site, options: argparse.Namespace, *, page_bytes: int) -> None:
    """Run all contenders at each number of connections; show requests a second, ratios and p50."""
    shown = f"{site.rows:,} rows, a page of {PAGE} rows, {page_bytes:,} bytes of JSON; rounds: {options.rounds}"
    title = f"Requests a second: {shown}"
    columns = ("connections", STATIC, BARE, CACHED, GZIP, PGBENCH, UNCACHED)
    report.table(title, columns)
    for connections in CONNECTIONS:
        rounds = [one_round(site, connections, options.seconds) for _ in range(options.rounds)]
        rates = {name: statistics.median(each[name][0] for each in rounds) for name in columns[1:]}
        ratios = {
            name: statistics.median(each[name][0] / each[limit][0] for each in rounds) for name, limit in LIMITS.items()
        }
        p50_ms = {name: statistics.median(each[name][1] for each in rounds) for name in columns[1:]}
        report.row(
            str(connections),
            *(
                f"{rate:,.0f}{f' ({ratios[name]:.2f})' if name in ratios else ''}, {p50_ms[name]:.1f} ms"
                for name, rate in rates.items()
            ),
        )
        report.figures.append({"what": title, "connections": connections, "rates": rates, "ratios": ratios,
                               "p50_ms": p50_ms, "rounds": rounds})  # fmt: skip
        if connections == JUDGED:
            judge(report, rates, ratios)
    report.remark(
        f"In brackets: {CACHED}, {GZIP} and {BARE} to nginx, which sends the plain bytes; {UNCACHED} to {PGBENCH}."
    )


def judge(report: Report, rates: Mapping[str, float], ratios: Mapping[str, float]) -> None:
    """Hold the medians at JUDGED connections against the floors."""
    report.at_least("cached page, to nginx", ratios[CACHED], 0.35)
    report.at_least("cached page, gzip, to nginx with the plain bytes", ratios[GZIP], 0.6)
    report.at_least("cached page, gzip, to the plugin", rates[GZIP] / PLUGIN_PAGES_S, 100)
    report.at_least("uncached page at any offset, to pgbench", ratios[UNCACHED], 0.3)


def one_round(site: Site, connections: int, seconds: int) -> dict[str, tuple[float, float]]:
    """Run every contender once; return requests a second and p50 in milliseconds of each."""
    anywhere = f"math.random(0, {site.rows - PAGE})"

    def ours(accept: str, offset: str, *, is_cached: bool) -> tuple[float, float]:
        set_company(site.engine, 1, cache_enabled=int(is_cached))
        return wrk(site.api.url, lua(site.token, accept=accept, offset=offset), connections, seconds)

    figures = {
        STATIC: wrk(site.static, None, connections, seconds),
        BARE: wrk(site.bare, POST, connections, seconds),
        CACHED: ours("", "0", is_cached=True),
        GZIP: ours("gzip", "0", is_cached=True),
        PGBENCH: pgbench(site, connections, seconds),
        UNCACHED: ours("", anywhere, is_cached=False),
    }
    set_company(site.engine, 1, cache_enabled=1)
    return figures


def measure_first_reads(report: Report, site: Site, options: argparse.Namespace) -> None:
    """Read pages that nobody has read, as after a sync, with JUDGED clients at once."""
    rates, p50_ms = [], []
    for number in range(options.rounds):
        limit = PAGE - number * JUDGED
        script = READERS.format(limit=limit, token=site.token, function=FUNCTION, path=PATH)
        rate, median = wrk(site.api.url, script, JUDGED, options.seconds, threads=JUDGED)
        rates.append(rate)
        p50_ms.append(median)
    report.table(f"First reads, gzip'd, {JUDGED} clients; rounds: {options.rounds}", ("requests/s", "p50 ms"))
    report.row(f"{statistics.median(rates):,.0f}", f"{statistics.median(p50_ms):.1f}")
    report.figures.append({"what": "first reads", "rates": rates, "p50_ms": p50_ms})


def measure_offsets(report: Report, site: Site) -> None:
    """Compare the first page with one near the end, uncached, in turn."""
    deep = site.rows * 9 // 10
    times: dict[int, list[float]] = {0: [], deep: []}
    set_company(site.engine, 1, cache_enabled=0)
    with site.api.client() as client:
        for step in range(60):
            limit = PAGE - 1 - step % 30
            for offset, taken in times.items():
                data = {"wstoken": site.token, "wsfunction": FUNCTION, "moodlewsrestformat": "json", "limit": limit}
                answer = client.post(PATH, data={**data, "offset": offset})
                taken.append(answer.elapsed.total_seconds() * 1000)
    set_company(site.engine, 1, cache_enabled=1)
    medians = {offset: statistics.median(taken) for offset, taken in times.items()}
    report.table("An uncached page near the end, one connection", ("offset", "p50 ms"))
    for offset, median in medians.items():
        report.row(f"{offset:,}", f"{median:.1f}")
    report.figures.append({"what": "uncached by offset", "p50_ms": medians})
    report.at_most(f"uncached page at offset {deep:,}, to offset 0", medians[deep] / medians[0], 1.3)


def lua(token: str, *, accept: str, offset: str) -> str:
    """The script of one cell."""
    header = f'wrk.headers["Accept-Encoding"] = "{accept}"' if accept else ""
    seed = random.randrange(10**6)
    return LUA.format(token=token, function=FUNCTION, page=PAGE, path=PATH, accept=header, offset=offset, seed=seed)


def wrk(url: str, script: str | None, connections: int, seconds: int, *, threads: int = 1) -> tuple[float, float]:
    """Run wrk; return requests a second and the median in milliseconds. Fails when any answer was an error."""
    command = [program("wrk"), f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        if script:
            file.write(script)
            file.flush()
            command += ["-s", file.name]
        out = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    p50 = re.search(r"50%\s+([\d.]+)(us|ms|s)", out)
    assert rate, out
    assert p50, out
    return float(rate[1]), float(p50[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p50[2]]


def pgbench(site: Site, connections: int, seconds: int) -> tuple[float, float]:
    """Run the bare query of an uncached page; return pages a second and the mean in milliseconds."""
    script = site.folder / "page.sql"
    names = "userid, firstname, lastname, email, courseid, coursename, timecompleted, timestarted, percentage, status"
    script.write_text(
        f"\\set user random(2, {max(2, site.rows // 10 - PAGE // 10)})\n"
        f"SELECT {names} FROM local_alx_api_reporting WHERE companyid = 1 AND (userid, courseid) > (:user, 0)"
        f" AND change_seq <= 1 AND is_deleted = 0 ORDER BY userid, courseid LIMIT {PAGE};\n"
    )
    address = site.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    threads = min(2, connections)
    command = [program("pgbench"), "-n", "-M", "prepared", f"-c{connections}", f"-j{threads}", f"-T{seconds}"]
    out = subprocess.run([*command, "-f", str(script), address], capture_output=True, text=True, check=True).stdout
    rate = re.search(r"tps = ([\d.]+)", out)
    assert rate, out
    return float(rate[1]), connections / float(rate[1]) * 1000


def program(name: str) -> str:
    """Find a program, or say how to get it."""
    found = shutil.which(name) or next(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), None)
    if found is None:
        raise SystemExit(f"{name} is needed: apt-get install {'postgresql' if name == 'pgbench' else name}")
    return found


if __name__ == "__main__":
    main()
