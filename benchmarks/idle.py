"""What an installation costs while nothing happens, and for how long a restart takes the API away.

    python benchmarks/idle.py [--seconds 120] [--rounds 3] [--json FILE]

Needs PostgreSQL on 127.0.0.1 (or ALX_TEST_POSTGRESQL_URL) on this machine. `alx up` runs with all its schedules and
sensors over a small Moodle that has been synced, and nobody asks anything. Processor time is that of `alx up` with all
it started, and that of PostgreSQL with all its backends, those that have ended too; memory is what all of `alx up`
hold, shared pages once (PSS). A restart is SIGTERM and `alx up` again when it has ended: the API is away from its last
answer to its first.
"""

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from moodle_data import MoodleData, load
from processes import cpu_s, parent, proportional_mb, tree
from report import Report, json_option
from sqlalchemy import Engine, create_engine, text

from alx_core.store.engine import make_engine
from support.databases import plain, scratch_database
from support.stack import Stack, wait_for

PAIRS = 2000
SETTLE_S = 30
MINUTE_S = 60
POLL_S = 0.01
NUMBERS = """
SELECT sessions, xact_commit + xact_rollback AS transactions FROM pg_stat_database WHERE datname = current_database()
"""


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120, help="for how long to look at it")
    parser.add_argument("--settle", type=int, default=SETTLE_S, help="seconds to wait after its start")
    parser.add_argument("--rounds", type=int, default=3, help="of restarts")
    json_option(parser)
    options = parser.parse_args()
    report = Report()
    with scratch_database("postgresql") as url, tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "home", {"ALX_MOODLE_URL": make_moodle(folder), "ALX_DATABASE_URL": plain(url)})
        synced = stack.alx("sync")
        if synced.returncode:
            raise SystemExit(synced.stderr)
        engine = make_engine(url)
        try:
            with stack.up():
                measure_quiet(report, stack, engine, settle_s=options.settle, seconds=options.seconds)
                measure_restarts(report, stack, options.rounds)
        finally:
            engine.dispose()
            stack.kill()
    report.finish(options.json)


def make_moodle(folder: str) -> str:
    """Make a small Moodle in a file; return its URL."""
    url = f"sqlite:///{folder}/moodle.sqlite"
    engine = create_engine(url)
    load(engine, MoodleData(PAIRS))
    engine.dispose()
    return url


def measure_quiet(report: Report, stack: Stack, engine: Engine, *, settle_s: int, seconds: int) -> None:
    """Look at a running installation before and after some time in which nobody asked anything."""
    own = process_of(stack).pid
    with engine.connect() as connection:
        postmaster = parent(int(connection.scalar(text("SELECT pg_backend_pid()")) or 0))
    time.sleep(settle_s)
    before = look(engine, own, postmaster)
    time.sleep(seconds)
    after = look(engine, own, postmaster)
    memory = {"processes": float(len(tree(own))), "memory_mb": sum(map(proportional_mb, tree(own)))}
    per_minute = {name: (after[name] - before[name]) * MINUTE_S / seconds for name in before}
    report.table(f"An installation with nothing to do, {seconds} s of it", ("what", "a minute"))
    report.row("processor time of `alx up`", f"{per_minute['own_cpu_s']:.2f} s")
    report.row("processor time of PostgreSQL", f"{per_minute['postgresql_cpu_s']:.2f} s")
    report.row("connections opened", f"{per_minute['sessions']:.0f}")
    report.row("transactions", f"{per_minute['transactions']:.0f}")
    report.remark(f"Memory of its {memory['processes']:.0f} processes: {memory['memory_mb']:.0f} MB.")
    report.figures.append({"what": "quiet, a minute", **per_minute, **memory})


def process_of(stack: Stack) -> "subprocess.Popen[bytes]":
    """The process of `alx up`."""
    if stack.process is None:
        raise SystemExit("alx up does not run")
    return stack.process


def look(engine: Engine, own: int, postmaster: int) -> Mapping[str, float]:
    """The counters of both; the connection that asks is one of those opened, and its look a transaction."""
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_clear_snapshot()"))
        told = connection.execute(text(NUMBERS)).mappings().one()
    return {
        "own_cpu_s": sum(map(cpu_s, tree(own))),
        "postgresql_cpu_s": sum(map(cpu_s, tree(postmaster))),
        **{name: float(value) for name, value in told.items()},
    }


def measure_restarts(report: Report, stack: Stack, rounds: int) -> None:
    """Stop a running installation and start it again, so often."""
    away: list[float] = []
    ready: list[float] = []
    for _ in range(rounds):
        wait_for(stack.is_loaded, timeout_s=90, describe="Dagit's start")
        running = process_of(stack)
        running.terminate()
        gone = wait_for_port(stack.api_port, listens=False)
        running.wait()
        stack.process = stack.start("up")
        away.append(wait_for_port(stack.api_port, listens=True) - gone)
        ready.append(wait_for_port(stack.dagit_port, listens=True) - gone)
    report.table(f"A restart; rounds: {rounds}", ("from the API's last answer to", "seconds", "in the rounds"))
    for name, each in (("the API's first", away), ("Dagit's first", ready)):
        report.row(name, f"{statistics.median(each):.1f}", f"{min(each):.1f} to {max(each):.1f}")
    report.figures.append({"what": "restart", "api_away_s": away, "dagit_away_s": ready})


def wait_for_port(port: int, *, listens: bool) -> float:
    """Return when a port of this machine began or ceased to take connections, in seconds of `time.monotonic`."""
    while True:
        with socket.socket() as client:
            if (client.connect_ex(("127.0.0.1", port)) == 0) is listens:
                return time.monotonic()
        time.sleep(POLL_S)


if __name__ == "__main__":
    main()
