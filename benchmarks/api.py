"""The API beside nginx: cached and uncached pages of 1,000 rows, at 1, 8 and 32 connections, in the same minute.

    python benchmarks/api.py [--rows 1000000] [--seconds 5]

Needs nginx and wrk, and PostgreSQL on 127.0.0.1 (or ALX_TEST_POSTGRESQL_URL). Makes its own database and drops it.
`uncached` asks for a page at a random offset each time, with the company's cache switched off; pgbench runs the bare
query of such a page. `bare` is a Falcon app that sends the same bytes, in the same gunicorn. The quota is counted and
every request logged, as always.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from sqlalchemy import Engine, text

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from alx_core.services.tokens import create_token
from alx_core.store.companies import upsert_company
from alx_core.store.engine import make_engine, transaction
from alx_core.store.schema import migrate
from support.api import FUNCTION, PATH, Api, set_company
from support.databases import scratch_database
from support.stack import free_port, wait_for

PAGE = 1000
CONNECTIONS = (1, 8, 32)
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
POST = 'wrk.method = "POST"\nwrk.body = "limit=1000&offset=0"\n'
NGINX = """
worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; keepalive_requests 1000000; default_type application/json;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }} }}
"""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    with scratch_database("postgresql") as url, tempfile.TemporaryDirectory() as folder:
        engine = make_engine(url)
        token = fill(engine, options.rows)
        api = Api(Path(folder) / "api", url)
        with api.running():
            page = api.call(token, limit=PAGE, offset=0).content
            with nginx(Path(folder), page) as static, bare_falcon(Path(folder)) as bare:
                measure(
                    api, engine, (static, bare), token, rows=options.rows, seconds=options.seconds, page_bytes=len(page)
                )
            measure_offsets(api, token, rows=options.rows)
            print(f"bare query by pgbench, 8 clients: {pgbench(url, folder, options):,.0f} pages/s")
        engine.dispose()


def fill(engine: Engine, rows: int) -> str:
    """Make one company with `rows` rows and an unlimited quota; return a token."""
    migrate(engine)
    with transaction(engine) as connection:
        connection.execute(text(FILL), {"rows": rows})
        upsert_company(connection, 1, shortname="one", name="One", published_seq=1, row_count=rows)
        token = create_token(connection, shortname="one", name="bench", expires_at=None, allowed_networks="", now=1)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE local_alx_api_reporting"))
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


def measure(
    api: Api, engine: Engine, limits: tuple[str, str], token: str, *, rows: int, seconds: int, page_bytes: int
) -> None:
    """Run all cells of the table, each beside nginx and the bare app."""
    static, bare = limits
    print(f"{rows:,} rows, page of {PAGE} rows, {page_bytes:,} bytes of JSON; requests/s, p50 ms, ratio to nginx plain")
    print(f"{'connections':>12} {'nginx':>9} {'bare':>24} {'cached':>24} {'cached, gzip':>24} {'uncached':>24}")
    random_page = f"math.random(0, {rows - PAGE})"
    for connections in CONNECTIONS:
        plain_rate, _ = wrk(static, None, connections, seconds)
        bare_rate, bare_ms = wrk(bare, POST, connections, seconds)
        cells = [f"{bare_rate:>9,.0f} {bare_ms:>7.1f} {bare_rate / plain_rate:>5.2f}x"]
        for accept, offset, cached in (("", "0", 1), ("gzip", "0", 1), ("", random_page, 0)):
            set_company(engine, 1, cache_enabled=cached)
            script = lua(token, accept=accept, offset=offset)
            rate, p50_ms = wrk(api.url, script, connections, seconds)
            cells.append(f"{rate:>9,.0f} {p50_ms:>7.1f} {rate / plain_rate:>5.2f}x")
        print(f"{connections:>12} {plain_rate:>9,.0f} {' '.join(f'{cell:>24}' for cell in cells)}", flush=True)
    set_company(engine, 1, cache_enabled=1)


def measure_offsets(api: Api, token: str, *, rows: int) -> None:
    """Compare the first page with one near the end, uncached, one after the other."""
    medians = {}
    with api.client() as client:
        for offset in (0, rows * 9 // 10):
            times = []
            for step in range(60):
                data = {
                    "wstoken": token,
                    "wsfunction": FUNCTION,
                    "moodlewsrestformat": "json",
                    "limit": PAGE - 1 - step % 30,
                }
                times.append(client.post(PATH, data={**data, "offset": offset}).elapsed.total_seconds() * 1000)
            medians[offset] = sorted(times)[len(times) // 2]
    first, deep = medians.values()
    print(f"uncached p50: offset 0 {first:.1f} ms, offset {rows * 9 // 10:,} {deep:.1f} ms ({deep / first:.2f}x)")


def lua(token: str, *, accept: str, offset: str) -> str:
    """The script of one cell."""
    header = f'wrk.headers["Accept-Encoding"] = "{accept}"' if accept else ""
    seed = random.randrange(10**6)
    return LUA.format(token=token, function=FUNCTION, page=PAGE, path=PATH, accept=header, offset=offset, seed=seed)


def wrk(url: str, script: str | None, connections: int, seconds: int) -> tuple[float, float]:
    """Run wrk; return requests a second and the median in milliseconds. Fails when any answer was an error."""
    command = [program("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"]
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


def pgbench(url: object, folder: str, options: argparse.Namespace) -> float:
    """Run the bare query of an uncached page; return pages a second."""
    script = Path(folder) / "page.sql"
    names = "userid, firstname, lastname, email, courseid, coursename, timecompleted, timestarted, percentage, status"
    script.write_text(
        f"\\set user random(2, {options.rows // 10 - PAGE // 10})\n"
        f"SELECT {names} FROM local_alx_api_reporting WHERE companyid = 1 AND (userid, courseid) > (:user, 0)"
        f" AND change_seq <= 1 AND is_deleted = 0 ORDER BY userid, courseid LIMIT {PAGE};\n"
    )
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)  # type: ignore[attr-defined]
    command = [
        program("pgbench"),
        "-n",
        "-M",
        "prepared",
        "-c8",
        "-j2",
        f"-T{options.seconds}",
        "-f",
        str(script),
        address,
    ]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"tps = ([\d.]+)", out)
    assert rate, out
    return float(rate[1])


def program(name: str) -> str:
    """Find a program, or say how to get it."""
    found = shutil.which(name) or next(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), None)
    if found is None:
        raise SystemExit(f"{name} is needed: apt-get install {'postgresql' if name == 'pgbench' else name}")
    return found


if __name__ == "__main__":
    main()
