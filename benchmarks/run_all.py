"""Run all benchmarks, one after the other, with what this machine has; say what is left out and how to get it.

    python benchmarks/run_all.py [--peers FOLDER] [--only PART ...] [--large] [--quick]
        (make bench; make bench LARGE=1; make bench QUICK=1)

What they find is kept in `results.json` and shown in `RESULTS.md`, both beside this script (results.py). `--quick` runs
them at sizes too small to say anything, to see that they run, and keeps what they find in `var/bench` instead.

The slow ones that load the machine come first, simulations without a clock last. A benchmark that fails does not cost
the figures of the others; the command then ends with 1. `--peers` is the folder that `make bench-peers` fills.
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from api import program
from results import Finding, add_findings, write_results

from support.databases import SERVERS, failure_to_connect

FOLDER = Path(__file__).parent
RESULTS, FIGURES = "RESULTS.md", "results.json"
NAMES = {"postgresql": "PostgreSQL", "mysql": "MariaDB"}
URLS = {"postgresql": "ALX_TEST_POSTGRESQL_URL", "mysql": "ALX_TEST_MARIADB_URL"}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A script with its arguments, and what it cannot do without; `quick` are arguments that make it short."""

    script: str
    arguments: Sequence[str] = ()
    servers: Sequence[str] = ()
    programs: Sequence[str] = ()
    interpreter: Path | None = None
    is_large: bool = False
    has_findings: bool = True
    quick: Sequence[str] = ()

    def __str__(self) -> str:
        return " ".join((self.script, *self.arguments))


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=Path("var/peers"), help="where `make bench-peers` put them")
    parser.add_argument("--only", nargs="+", metavar="PART", help="of a command, for example: api.py growth")
    parser.add_argument(
        "--large", action="store_true", help="50,000,000 log rows, 10,000,000 rows of the API, 1,000,000 of MariaDB"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes; nothing is written to RESULTS.md")
    options = parser.parse_args()
    every = list(benchmarks(options.peers))
    where = {"commit": commit(), "machine": machine()}
    folder = results_folder(is_quick=options.quick)
    left_out: list[str] = []
    failed: list[str] = []
    for benchmark in every:
        if options.only and not any(part in str(benchmark) for part in options.only):
            continue
        missing = [*lacks(benchmark)]
        if benchmark.is_large and not options.large:
            missing.append("make bench LARGE=1 runs all of these; they take 20 GB of disk and an hour")
        if missing:
            left_out.append(f"{benchmark}: {'; '.join(missing)}")
            continue
        print(f"\n## {benchmark}", flush=True)
        finding = run(benchmark, is_quick=options.quick)
        if finding is None:
            failed.append(str(benchmark))
        elif benchmark.has_findings:  # written at once: a run that is broken off keeps what it has
            keep(folder, {**finding, **where}, [str(each) for each in every])
    for title, names in (("Left out", left_out), ("Failed", failed)):
        if names:
            print(f"\n{title}:", *names, sep="\n- ")
    sys.exit(bool(failed))


def benchmarks(peers: Path) -> Iterator[Benchmark]:
    """Yield all benchmarks, in the order in which they run."""
    web, dlt = peers / "web/bin/python", peers / "dlt/bin/python"
    dlt_option = ("--dlt-python", str(dlt))
    postgresql, both = ("postgresql",), ("postgresql", "mysql")
    web_tools = ("nginx", "wrk", "pgbench")
    once, small = ("--rounds", "1"), ("--pairs", "3000", "--small-pairs", "2000")
    few_logs = ("--log-rows", "20000", "--table-rows", "1000", "--companies", "10", "--requests", "10")
    yield Benchmark("sync.py", ("--only", "postgresql", "sqlite"), postgresql, quick=(*once, *small))
    yield Benchmark("sync.py", ("--only", "mysql"), both, quick=(*once, *small))
    yield Benchmark("sync.py", ("--only", "mysql", "--small-pairs", "1000000"), both, is_large=True)
    yield Benchmark("sync.py", ("--only", "cost"), both, quick=small)
    yield Benchmark("sync.py", ("--only", "growth"), postgresql, quick=("--sizes", "1000"))
    yield Benchmark(
        "sync.py",
        ("--only", "postgresql", "--pairs", "200000", *dlt_option),
        postgresql,
        interpreter=dlt,
        quick=(*once, "--pairs", "3000"),
    )
    yield Benchmark("api.py", (), postgresql, web_tools, quick=(*once, "--seconds", "1", "--rows", "20000"))
    yield Benchmark("api.py", ("--rows", "10000000"), postgresql, web_tools, is_large=True)
    yield Benchmark("overhead.py", (), postgresql, quick=(*once, "--requests", "50"))
    yield Benchmark(
        "peers.py",
        ("--python", str(web)),
        postgresql,
        ("wrk",),
        interpreter=web,
        quick=(*once, "--seconds", "1", "--rows", "20000"),
    )
    yield Benchmark("metrics.py", (), postgresql, quick=("--rows", "100000"))
    yield Benchmark("status_page.py", (), postgresql, quick=few_logs)
    yield Benchmark("metrics.py", ("--rows", "50000000", "--status-page"), postgresql, is_large=True)
    yield Benchmark("start.py", (), postgresql, quick=(*once, "--requests", "100", "--pages", "10"))
    yield Benchmark("idle.py", (), postgresql, quick=(*once, "--seconds", "2", "--settle", "1"))
    yield Benchmark("quiet_month.py", has_findings=False)
    yield Benchmark("alerts_month.py", has_findings=False)


def lacks(benchmark: Benchmark) -> Iterator[str]:
    """Yield what the machine lacks for a benchmark, each with the way to get it."""
    for server in benchmark.servers:
        if failure := failure_to_connect(server):
            yield f"no {NAMES[server]} ({failure}); start one, or set {URLS[server]}"
    for name in benchmark.programs:
        try:
            program(name)
        except SystemExit as error:  # it says how to get it
            yield str(error)
    if benchmark.interpreter is not None and not benchmark.interpreter.exists():
        yield f"no {benchmark.interpreter}; make bench-peers"


def run(benchmark: Benchmark, *, is_quick: bool) -> Finding | None:
    """Run one; return what it found, and when; None: it failed."""
    measured_at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "findings.json"
        arguments = [*benchmark.arguments, *(benchmark.quick if is_quick else ())]
        wanted = ["--json", str(file)] if benchmark.has_findings else []
        command = [sys.executable, str(FOLDER / benchmark.script), *arguments, *wanted]
        if subprocess.run(command, check=False).returncode:
            return None
        found = json.loads(file.read_text()) if benchmark.has_findings else {}
    return {
        "command": str(benchmark),
        "measured_at": measured_at,
        **found,
    }


def results_folder(*, is_quick: bool) -> Path:
    """Where the findings go: beside this script, or, when they say nothing, to a copy in `var/bench`."""
    if not is_quick:
        return FOLDER
    folder = Path("var/bench")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FIGURES).unlink(missing_ok=True)
    shutil.copy(FOLDER / RESULTS, folder)
    return folder


def keep(folder: Path, finding: Finding, order: Sequence[str]) -> None:
    """Write a benchmark's findings down, and say where."""
    write_results(folder / RESULTS, add_findings(folder / FIGURES, [finding], order))
    print(f"\nWritten: {folder / RESULTS} and {folder / FIGURES}")


def commit() -> str:
    """The commit that is measured, `+` for one that was changed since."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    ran = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    return ran.stdout.strip() or "unknown"


def machine() -> str:
    """What was measured on: cores, memory, and the versions of Python and of the servers."""
    cpu = next((line for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "").partition(": ")[2]
    memory = next((line for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "").split()
    cores = sum(line.startswith("processor") for line in _lines("/proc/cpuinfo"))
    parts = [f"{cores} x {cpu or platform.machine()}"]
    if memory:
        parts.append(f"{int(memory[1]) / 2**20:.0f} GB")
    parts.append(f"Python {platform.python_version()}")
    parts += [f"{name} {version(each)}" for each, name in NAMES.items() if not failure_to_connect(each)]
    return ", ".join(parts)


def version(server: str) -> str:
    """The version of a server, its number alone."""
    engine = create_engine(SERVERS[server])
    with engine.connect() as connection:
        told = str(connection.scalar(text("SELECT version()" if server == "mysql" else "SHOW server_version")))
    engine.dispose()
    return told.split(maxsplit=1)[0].split("-", maxsplit=1)[0]


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


if __name__ == "__main__":
    main()
