"""`alx demo`."""

import time
from pathlib import Path

import click
from pydantic import SecretStr

from alx_cli.commands.sync import print_result
from alx_cli.commands.up import require_ports, say_where, serve
from alx_cli.demo.tokens import FILE_NAME, demo_tokens
from alx_cli.output import make_table, print_table, stderr, stdout
from alx_cli.ports import address_of
from alx_cli.terminal import Bars, SyncBars
from alx_core import imports
from alx_core.errors import SettingsError
from alx_core.settings import Settings, load_settings
from alx_core.store.companies import list_companies
from alx_core.store.engine import connect, open_engine, shown, transaction
from alx_core.store.runs import latest_runs
from alx_core.store.schema import current_revision

MARK = "# Written by `alx demo`: every alx command in this folder works on the made-up Moodle."
MIN_LEARNERS = 100
CURL = """\
  curl {address}/webservice/rest/server.php \\
    -d wstoken={token} \\
    -d wsfunction=local_alx_report_api_get_course_progress \\
    -d moodlewsrestformat=json -d limit=5
"""


@click.command()
@click.option("--learners", type=click.IntRange(MIN_LEARNERS), default=20_000, show_default=True, help="How many.")
@click.option("--no-serve", is_flag=True, help="Stop when the reporting table is filled.")
@click.option("--fresh", is_flag=True, help="Make the Moodle anew, with activity up to this moment.")
def command(learners: int, no_serve: bool, fresh: bool) -> None:
    """Make up a Moodle, sync it and serve it on this machine.

    Makes a Moodle with IOMAD in ALX_HOME (SQLite), runs the hourly sync through Dagster, makes a token for each company
    and serves the result until Ctrl-C. Your own ALX_MOODLE_URL is not touched, and a reporting database with other data
    in it is refused.
    """
    settings = load_settings()
    if not no_serve:
        require_ports(settings)
    env_file = settings.home.absolute() / ".env"
    _require_ours(settings, env_file)
    moodle = settings.home.absolute() / f"demo-moodle-{learners}.sqlite"
    _make_moodle(moodle, learners, fresh=fresh)
    url = f"sqlite:///{moodle}"
    env_file.write_text(f"{MARK}\nALX_MOODLE_URL={url}\n", encoding="utf-8")
    settings = settings.model_copy(update={"moodle_url": SecretStr(url)})
    _sync(settings)
    tokens = _tokens(settings)
    if no_serve:
        _show_tokens(settings, tokens)
        status_page = f"{address_of(settings.api_bind)}/status"
        stderr.print(f"Nothing is served yet: `alx up` starts the API, the status page {status_page} and Dagit.")
        return

    def on_ready() -> None:
        _show_tokens(settings, tokens)
        say_where(settings)

    serve(settings, on_ready=on_ready)


def _require_ours(settings: Settings, env_file: Path) -> None:
    """Refuse a home or a reporting database in which somebody else's data lies."""
    if env_file.is_file() and MARK not in env_file.read_text(encoding="utf-8"):
        raise SettingsError(f"{env_file} has settings of yours. Set ALX_HOME to another folder for the demo.")
    if env_file.is_file():
        return
    with open_engine(settings.database) as engine, connect(engine) as connection:
        in_use = current_revision(connection) is not None and bool(latest_runs(connection, limit=1))
    if in_use:
        raise SettingsError(
            f"The reporting database {shown(engine.url)} already serves another Moodle. Unset ALX_DATABASE_URL, or set "
            "ALX_HOME to an empty folder, for the demo."
        )


def _make_moodle(path: Path, learners: int, *, fresh: bool) -> None:
    from alx_cli.demo.generator import build_demo_moodle  # noqa: PLC0415  # loads numpy: not for `--help`

    if path.is_file() and not fresh:
        stderr.print(f"Using the made-up Moodle {path.name} (`alx demo --fresh` makes it anew).")
        return
    stderr.print(f"Making a Moodle with {learners:,} learners ...")
    path.parent.mkdir(parents=True, exist_ok=True)
    with Bars() as bars:
        made = build_demo_moodle(path, learners=learners, now=int(time.time()), on_progress=bars.show)
    stderr.print(
        f"Made {made.companies} companies, {made.learners:,} learners, {made.courses} courses, "
        f"{made.enrolments:,} enrolments and {made.completions:,} completed activities."
    )


def _sync(settings: Settings) -> None:
    with imports.that_stay():
        from alx_cli.dagster_run import run_job  # noqa: PLC0415  # loads Dagster: not for `--help`
        from alx_pipeline.partitions import key_of, newest_complete_hour  # noqa: PLC0415

    stderr.print("Syncing the newest hour through Dagster ...\n")
    with SyncBars() as bars:
        result = run_job(settings, "hourly_sync", listener=bars, partition_key=key_of(newest_complete_hour()))
    print_result(result)
    if result.failed:
        raise SystemExit(1)


def _tokens(settings: Settings) -> list[tuple[str, int, str]]:
    """Return (shortname, rows, token) of each company, most rows first."""
    with open_engine(settings.database) as engine, transaction(engine) as connection:
        tokens = demo_tokens(connection, settings.home.absolute(), now=int(time.time()))
        rows = {row["shortname"]: int(row["row_count"]) for row in list_companies(connection)}
    return sorted(((name, rows[name], token) for name, token in tokens.items()), key=lambda each: (-each[1], each[0]))


def _show_tokens(settings: Settings, tokens: list[tuple[str, int, str]]) -> None:
    stdout.print(f"\nOne token per company, kept in {FILE_NAME} because all is made up; yours are shown once:\n")
    table = make_table(None, ["Company"], ["Rows"])
    table.add_column("Token", no_wrap=True)
    for shortname, rows, token in tokens:
        table.add_row(shortname, f"{rows:,}", token)
    print_table(table)
    shortname, _rows, token = tokens[0]
    click.echo(f"\nFive rows of {shortname}, asked for as Power BI does:\n")
    click.echo(CURL.format(address=address_of(settings.api_bind), token=token))
