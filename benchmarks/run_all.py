"""Run all benchmarks, one after the other, with what this machine has; say what is left out and how to get it.

    python benchmarks/run_all.py [--peers FOLDER] [--large]        (make bench; make bench LARGE=1)

The slow ones that load the machine come first, simulations without a clock last. A benchmark that fails does not cost
the figures of the others; the command then ends with 1. `--peers` is the folder that `make bench-peers` fills.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from api import program

from support.databases import failure_to_connect

FOLDER = Path(__file__).parent
SERVERS = {"postgresql": "PostgreSQL", "mysql": "MariaDB"}
URLS = {"postgresql": "ALX_TEST_POSTGRESQL_URL", "mysql": "ALX_TEST_MARIADB_URL"}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A script with its arguments, and what it cannot do without."""

    script: str
    arguments: Sequence[str] = ()
    servers: Sequence[str] = ()
    programs: Sequence[str] = ()
    interpreter: Path | None = None
    is_large: bool = False

    def __str__(self) -> str:
        return " ".join((self.script, *self.arguments))


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=Path("var/peers"))
    parser.add_argument(
        "--large", action="store_true", help="50,000,000 log rows, an API over 10,000,000: 20 GB of disk"
    )
    options = parser.parse_args()
    left_out: list[str] = []
    failed: list[str] = []
    for benchmark in benchmarks(options.peers.absolute()):
        missing = [*lacks(benchmark)]
        if benchmark.is_large and not options.large:
            missing.append("make bench LARGE=1 runs it; it takes 20 GB of disk and half an hour")
        if missing:
            left_out.append(f"{benchmark}: {'; '.join(missing)}")
            continue
        print(f"\n## {benchmark}\n", flush=True)
        command = [sys.executable, str(FOLDER / benchmark.script), *benchmark.arguments]
        if subprocess.run(command, check=False).returncode:
            failed.append(str(benchmark))
    for title, names in (("Left out", left_out), ("Failed", failed)):
        if names:
            print(f"\n{title}:", *names, sep="\n- ")
    sys.exit(bool(failed))


def benchmarks(peers: Path) -> Iterator[Benchmark]:
    """Yield all benchmarks, in the order in which they run."""
    web, dlt = peers / "web/bin/python", peers / "dlt/bin/python"
    dlt_option = ("--dlt-python", str(dlt))
    postgresql, both = ("postgresql",), ("postgresql", "mysql")
    yield Benchmark("sync.py", ("--only", "postgresql", "sqlite", "growth"), servers=postgresql)
    yield Benchmark("sync.py", ("--only", "mysql", "cost"), servers=both)
    yield Benchmark("sync.py", ("--only", "postgresql", "--pairs", "200000", *dlt_option), postgresql, interpreter=dlt)
    yield Benchmark("api.py", (), postgresql, ("nginx", "wrk", "pgbench"))
    yield Benchmark("api.py", ("--rows", "10000000"), postgresql, ("nginx", "wrk", "pgbench"), is_large=True)
    yield Benchmark("overhead.py", (), postgresql, ("wrk",))
    yield Benchmark("peers.py", ("--python", str(web)), postgresql, ("wrk",), interpreter=web)
    yield Benchmark("metrics.py", (), postgresql)
    yield Benchmark("status_page.py", (), postgresql)
    yield Benchmark("metrics.py", ("--rows", "50000000", "--status-page"), postgresql, is_large=True)
    yield Benchmark("quiet_month.py")
    yield Benchmark("alerts_month.py")


def lacks(benchmark: Benchmark) -> Iterator[str]:
    """Yield what the machine lacks for a benchmark, each with the way to get it."""
    for server in benchmark.servers:
        if failure := failure_to_connect(server):
            yield f"no {SERVERS[server]} ({failure}); start one, or set {URLS[server]}"
    for name in benchmark.programs:
        try:
            program(name)
        except SystemExit as error:  # it says how to get it
            yield str(error)
    if benchmark.interpreter is not None and not benchmark.interpreter.exists():
        yield f"no {benchmark.interpreter}; make bench-peers"


if __name__ == "__main__":
    main()
