"""The sync beside its limit and its peers: full build, hour without change, cost on Moodle's side, growth.

    python benchmarks/sync.py [--only postgresql mysql sqlite cost growth] [--pairs 1000000] [--rounds 3] [--json FILE]

Needs PostgreSQL and MariaDB on 127.0.0.1 (or ALX_TEST_POSTGRESQL_URL, ALX_TEST_MARIADB_URL); makes databases of its own
and drops them. All contenders of a round run one after the other in the same minutes; figures are medians of rounds.
`alx sync` is the real command as a process of its own; `engine` is the part of it that syncs, without starting Dagster.
`--dlt-python` names an interpreter that has dlt (see contenders.py). Growth makes sites of 100,000 to 5,000,000
pairs in 50 companies, and one of the middle size in 2,000.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from contenders import insert_select
from moodle_changes import CHANGES, LEARNER, NEW_COURSE, NEW_INSTANCE, RENAMED, change, change_learners, edit, nothing
from moodle_data import COMPANIES, FIRST_COURSE, MoodleData, load
from processes import Ran, run
from report import Report, json_option
from source_cost import metered

from alx_core.store.engine import make_engine
from alx_core.store.schema import migrate
from support.databases import plain, scratch_database
from support.stack import ALX

CONTENDERS = str(Path(__file__).with_name("contenders.py"))
PLUGIN_ROWS_S = 2_400
NAMES = {"postgresql": "PostgreSQL", "mysql": "MariaDB", "sqlite": "SQLite"}
BUILD_FLOOR = {"postgresql": 0.8, "mysql": 0.35}
PLUGIN_FLOOR = {"mysql": 50, "sqlite": 30}
PEAK_FLOOR_MB = 500
FLOOR_PAIRS = 1_000_000

Figures = dict[str, list[float]]
Step = tuple[str, list[str], Callable[[], None]]
Medians = Mapping[str, Mapping[str, float]]
MANY_COMPANIES = 2_000
REBUILD, QUIET, WHOLE = "alx sync --rebuild", "hour without change", "first hour of a day, without change"
BUSY = "hour with a change of 1 % of the learners"
COURSE_MADE, COURSE_RENAMED = (
    "hour in which a course is made",
    "hour in which a course of 5 % of the learners is renamed",
)
TOMORROW = ["--as-of", str(int(time.time()) + 86_400)]
"""The digests of the day before are not trusted: everything is read and compared."""
LIMIT = "INSERT..SELECT in Moodle's database"


class Installation:
    """A reporting database of ours beside a Moodle; its ALX_HOME stays from run to run."""

    def __init__(self, reporting: URL, folder: Path) -> None:
        """Take an empty database."""
        self.reporting = reporting
        self._home = folder / "home"
        self.empty()

    def empty(self) -> None:
        """Begin again with an empty table."""
        engine = make_engine(self.reporting)
        migrate(engine)
        with engine.begin() as connection:
            verb = "TRUNCATE" if engine.dialect.name == "postgresql" else "DELETE FROM"
            for table in (
                "local_alx_api_reporting",
                "local_alx_api_reporting_history",
                "sync_digests",
                "sync_catalogue",
                "companies",
            ):
                connection.execute(text(f"{verb} {table}"))
        engine.dispose()

    def sync(self, moodle: URL, *options: str) -> tuple[Ran, Mapping[str, float]]:
        """Run `alx sync`; return the process's figures and what it says itself."""
        env = {
            "ALX_MOODLE_URL": plain(moodle),
            "ALX_DATABASE_URL": plain(self.reporting),
            "ALX_HOME": str(self._home),
        }
        ran = run([ALX, "sync", "--json", *options], env)
        return ran, json.loads(ran.output)


@contextmanager
def site(kind: str, pairs: int, companies: int = COMPANIES) -> Iterator[Engine]:
    """Yield an engine on a new Moodle with `pairs` pairs in `companies` companies."""
    with database(kind) as url:
        local_infile = {"local_infile": True} if kind == "mysql" else {}
        engine = create_engine(url, connect_args=local_infile)
        try:
            load(engine, MoodleData(pairs, companies))
            yield engine
        finally:
            engine.dispose()


@contextmanager
def database(kind: str) -> Iterator[URL]:
    """Yield the URL of an empty database."""
    if kind != "sqlite":
        with scratch_database(kind) as url:
            yield url
        return
    folder = tempfile.mkdtemp()
    try:
        yield URL.create("sqlite", database=f"{folder}/database.sqlite")
    finally:
        shutil.rmtree(folder)


@contextmanager
def installation(kind: str) -> Iterator[Installation]:
    """Yield an installation over an empty reporting database."""
    with database(kind) as url, tempfile.TemporaryDirectory() as folder:
        yield Installation(url, Path(folder))


def measure_builds(report: Report, kind: str, pairs: int, options: argparse.Namespace) -> None:
    """Full builds and hours without change from a Moodle on `kind`, in turn with the limit and the peers."""
    target = "sqlite" if kind == "sqlite" else "postgresql"
    figures: dict[str, Figures] = defaultdict(lambda: defaultdict(list))
    with site(kind, pairs) as moodle, installation(target) as ours:
        ours.sync(moodle.url, "--rebuild")  # the first run of an installation also makes Dagster's tables
        for number in range(options.rounds):
            if kind != "sqlite":
                settle(moodle)
                figures[LIMIT]["seconds"].append(insert_select(moodle))
            ours.empty()
            for name, arguments, prepare in hours(moodle, pairs, number):
                prepare()
                settle(moodle)
                ran, told = ours.sync(moodle.url, *arguments)
                note(figures[name], ran, told)
            if options.peers and kind != "sqlite":
                measure_peers(figures, moodle.url, ours.reporting, options)
    medians = {who: {name: statistics.median(values) for name, values in each.items()} for who, each in figures.items()}
    title = f"{NAMES[kind]} -> {NAMES[target]}, {pairs:,} pairs; rounds: {options.rounds}"
    tabulate(report, title, medians)
    report.figures += [{"what": title, "contender": who, **medians[who], "rounds": figures[who]} for who in figures]
    judge(report, kind, pairs, medians)


def hours(moodle: Engine, pairs: int, number: int) -> Iterator[Step]:
    """Yield the runs of a round: what each is called, its options, and what happens in Moodle before it."""
    yield REBUILD, ["--rebuild"], nothing
    yield QUIET, [], nothing
    yield BUSY, [], partial(change_learners, moodle, pairs, share=0.01)
    yield COURSE_MADE, [], partial(edit, moodle, NEW_COURSE, NEW_INSTANCE)
    yield COURSE_RENAMED, [], partial(edit, moodle, RENAMED, courseid=FIRST_COURSE + number)
    yield WHOLE, TOMORROW, nothing


def settle(moodle: Engine) -> None:
    """Have the last contender's pages written out, so that the next one does not pay for them."""
    if moodle.dialect.name == "postgresql":
        with moodle.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CHECKPOINT"))


def measure_peers(figures: dict[str, Figures], moodle: URL, reporting: URL, options: argparse.Namespace) -> None:
    """Run the other pipelines into the same database."""
    urls = [each.render_as_string(hide_password=False) for each in (moodle, reporting)]
    interpreters = {"pandas": sys.executable, "dlt": options.dlt_python}
    for name, python in interpreters.items():
        if not python:
            continue
        settle(create_engine(reporting))
        try:
            ran = run([python, CONTENDERS, name, *urls], {})
        except RuntimeError as error:  # a peer that fails must not cost the figures of the others
            print(f"{name} left out: {error}", file=sys.stderr)
        else:
            note(figures[name], ran, {})


def note(figures: Figures, ran: Ran, told: Mapping[str, float]) -> None:
    """Add one run's figures."""
    figures["seconds"].append(ran.seconds)
    figures["peak_mb"].append(ran.peak_mb)
    if told:
        figures["engine_s"].append(told["seconds"])
        figures["rows"].append(told["processed"])


def tabulate(report: Report, title: str, medians: Medians) -> None:
    """Show the medians with their ratios to the limit and to our full build."""
    limit, build = medians.get(LIMIT, {}).get("seconds"), medians[REBUILD]
    ratios = ("to the limit", "engine to the limit", "to our build", "x plugin")
    report.table(title, ("contender", "seconds", "engine s", "peak MB", *ratios))
    for who, each in medians.items():
        engine = each.get("engine_s")
        report.row(
            who,
            f"{each['seconds']:.2f}",
            f"{engine:.2f}" if engine else "",
            f"{each['peak_mb']:.0f}" if "peak_mb" in each else "",
            f"{each['seconds'] / limit:.2f}" if limit else "",
            f"{engine / limit:.2f}" if limit and engine else "",
            f"{engine / build['engine_s']:.2f}" if engine else f"{each['seconds'] / build['seconds']:.2f}",
            f"{each['rows'] / engine / PLUGIN_ROWS_S:.0f}" if engine else "",
        )


def judge(report: Report, kind: str, pairs: int, medians: Medians) -> None:
    """Hold the medians against the floors: that of a build with the start of its process, and of its engine alone.

    Those that are set for a size, at that size: the smaller a site, the more of a build is what each costs.
    """
    name, build = f"{pairs:,} pairs from {NAMES[kind]}", medians[REBUILD]
    limit = medians.get(LIMIT, {}).get("seconds")
    if limit and pairs >= FLOOR_PAIRS:
        for what, seconds in (("with the start of its process", build["seconds"]), ("engine", build["engine_s"])):
            report.at_most(f"full build, {name}, {what}, to INSERT..SELECT", seconds / limit, BUILD_FLOOR[kind])
    if kind in PLUGIN_FLOOR:
        to_plugin = build["rows"] / build["engine_s"] / PLUGIN_ROWS_S
        report.at_least(f"full build, {name}, engine, to the plugin", to_plugin, PLUGIN_FLOOR[kind])
    report.at_most(f"full build, {name}, peak of memory", build["peak_mb"], PEAK_FLOOR_MB, "MB")
    hours = {QUIET: 0.5} if kind == "sqlite" else {QUIET: 0.3, WHOLE: 0.5}  # SQLite has no digests
    for hour, floor in hours.items():
        share = medians[hour]["engine_s"] / build["engine_s"]
        report.at_most(f"{hour}, {name}, to the full build", share, floor)


def measure_cost(report: Report, kind: str, pairs: int) -> None:
    """What Moodle's side pays for a full read, a quiet hour and an hour of changes."""
    columns = ("run", "rows read", "MB sent", "statement s", "longest transaction s", "rows written")
    report.table(f"Cost on Moodle's side, {NAMES[kind]}, {pairs:,} pairs", columns)
    with site(kind, pairs) as moodle, installation("postgresql") as ours:
        steps: list[Step] = [
            ("full build", ["--rebuild"], nothing),
            (QUIET, [], nothing),
            (COURSE_MADE, [], partial(edit, moodle, NEW_COURSE, NEW_INSTANCE)),
            (COURSE_RENAMED, [], partial(edit, moodle, RENAMED, courseid=FIRST_COURSE)),
            ("hour with a change of 0.1 % of the learners", [], partial(change_learners, moodle, pairs, share=0.001)),
            (BUSY, [], partial(change_learners, moodle, pairs, share=0.01)),
            (f"hour with {CHANGES:,} changes all over the site", [], partial(change, moodle, pairs)),
            ("hour with one learner's change", [], partial(change, moodle, pairs, learners=(LEARNER, LEARNER))),
            (WHOLE, TOMORROW, nothing),
        ]
        for name, arguments, prepare in steps:
            prepare()
            with metered(moodle) as (url, cost):
                _, told = ours.sync(url, *arguments)
            report.row(
                name,
                f"{cost.rows_read:,}",
                f"{cost.bytes_sent / 1e6:,.1f}",
                f"{cost.statement_s:.2f}",
                f"{cost.longest_transaction_s:.2f}",
                f"{written(told):,}",
            )
            report.figures.append({"what": f"cost, {kind}, {pairs:,} pairs", "run": name, **asdict(cost)})


def written(told: Mapping[str, float]) -> float:
    """Rows that a sync wrote."""
    return told["created"] + told["updated"] + told["deleted"]


def measure_growth(report: Report, sites: Sequence[tuple[int, int]]) -> None:
    """Seconds and memory of each kind of run as pairs and companies of a site grow, PostgreSQL to PostgreSQL."""
    columns = ("pairs", "companies", "run", "engine s", "microseconds a row", "peak MB", "rows written")
    report.table("Growth, PostgreSQL -> PostgreSQL, one run each", columns)
    for pairs, companies in sites:
        with site("postgresql", pairs, companies) as moodle, installation("postgresql") as ours:
            steps: list[Step] = [
                ("rebuild", ["--rebuild"], nothing),
                (QUIET, [], nothing),
                (BUSY, [], partial(change_learners, moodle, pairs, share=0.01)),
                (f"hour with {CHANGES:,} changes", [], partial(change, moodle, pairs)),
                (WHOLE, TOMORROW, nothing),
            ]
            for name, arguments, prepare in steps:
                prepare()
                ran, told = ours.sync(moodle.url, *arguments)
                engine_s = told["seconds"]
                report.row(
                    f"{pairs:,}",
                    f"{companies:,}",
                    name,
                    f"{engine_s:.2f}",
                    f"{engine_s / told['processed'] * 1e6:.2f}",
                    f"{ran.peak_mb:.0f}",
                    f"{written(told):,}",
                )
                figures = {"engine_s": engine_s, "seconds": ran.seconds, "peak_mb": ran.peak_mb}
                report.figures.append(
                    {"what": "growth", "pairs": pairs, "companies": companies, "run": name, **figures}
                )


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("postgresql", "mysql", "sqlite", "cost", "growth")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--pairs", type=int, default=1_000_000, help="PostgreSQL, and the cost on both servers")
    parser.add_argument("--small-pairs", type=int, default=200_000, help="MariaDB and SQLite")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000, 5_000_000], help="growth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument("--dlt-python", help="interpreter with dlt")
    parser.add_argument("--cost-on", nargs="+", default=["postgresql", "mysql"])
    json_option(parser)
    options = parser.parse_args()
    report = Report()
    for kind in ("postgresql", "mysql", "sqlite"):
        if kind in options.only:
            measure_builds(report, kind, options.pairs if kind == "postgresql" else options.small_pairs, options)
    if "cost" in options.only:
        for kind in options.cost_on:
            measure_cost(report, kind, options.pairs)
    if "growth" in options.only:
        many = (sorted(options.sizes)[len(options.sizes) // 2], MANY_COMPANIES)
        measure_growth(report, [*((pairs, COMPANIES) for pairs in options.sizes), many])
    report.finish(options.json)


if __name__ == "__main__":
    main()
