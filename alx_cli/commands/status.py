"""`alx status`."""

import time
from typing import Any

import click
from rich.markup import escape

from alx_cli.output import ago, make_table, print_json, print_table, stdout, when
from alx_core.domain.freshness import Freshness, SyncHealth
from alx_core.services.health import success_pct, sync_health
from alx_core.settings import load_settings
from alx_core.store.companies import list_companies
from alx_core.store.engine import connect, open_engine
from alx_core.store.runs import latest_runs
from alx_core.store.schema import require_current

RUNS_SHOWN = 5
RUN_FIGURES = ("processed", "created", "updated", "deleted", "errors")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(as_json: bool) -> None:
    """Show how fresh the reporting table is, and what the last syncs did.

    Reads the reporting database alone, so it tells the truth also when Dagster is down.
    """
    settings = load_settings()
    with open_engine(settings.database) as engine:
        require_current(engine)
        with connect(engine) as connection:
            health = sync_health(connection, now=int(time.time()), stale_after_s=settings.sync_stale_hours * 3600)
            week_pct = success_pct(connection, now=health.now)
            companies = list_companies(connection)
            runs = latest_runs(connection, limit=RUNS_SHOWN)
    if as_json:
        print_json(_as_json(health, week_pct, companies, runs))
        return
    stdout.print(_headline(health, week_pct, has_runs=bool(runs)))
    if companies:
        print_table(_companies(companies, health.now))
    if runs:
        print_table(_runs(runs))


def _headline(health: SyncHealth, week_pct: float | None, *, has_runs: bool) -> str:
    if health.freshness is Freshness.NEVER:  # of a rebuild, or of old hours, the newest one knows nothing
        text = f"[bold]{'The newest hour was never synced' if has_runs else 'Never synced'}.[/] Run `alx sync`."
    else:
        age = ago(health.age_s or 0)
        style = "bold green" if health.freshness is Freshness.FRESH else "bold red"
        text = (
            f"[{style}]{health.freshness.capitalize()}[/]: last successful sync {age} ago "
            f"({when(health.last_success_at)}), covers Moodle up to {when(health.covered_until)}."
        )
    if week_pct is not None:
        text = f"{text} Of the syncs of the last 7 days {week_pct:.1f} % succeeded."
    if health.running_since is not None:
        return f"{text}\nA sync is running since {ago(health.now - health.running_since)}.\n"
    return f"{text}\nNext sync by the schedule in {ago(health.next_sync_at - health.now)}.\n"


def _companies(companies: list[dict[str, Any]], now: int) -> Any:
    table = make_table(None, ["Company", "Name", "Synced", "State"], ["Rows"])
    for each in companies:
        synced = "never" if each["last_synced_at"] is None else f"{ago(now - each['last_synced_at'])} ago"
        state = "gone from Moodle" if each["is_deleted"] else "suspended" if each["suspended"] else "ok"
        state = f"failed: {each['last_error']}" if each["last_error"] else state
        table.add_row(*map(escape, (each["shortname"], each["name"], synced, state)), f"{each['row_count']:,}")
    return table


def _runs(runs: list[dict[str, Any]]) -> Any:
    table = make_table(
        "\nLast syncs", ["Sync", "Started", "Kind", "Status"], ["Seconds", *map(str.capitalize, RUN_FIGURES)]
    )
    for run in runs:
        seconds = "" if run["seconds"] is None else f"{run['seconds']:.1f}"
        figures = (f"{run[name]:,}" for name in RUN_FIGURES)
        table.add_row(str(run["id"]), when(run["started_at"]), run["kind"], run["status"], seconds, *figures)
        if run["error"]:
            table.add_row("", "", "", f"[red]{escape(run['error'])}[/]")
    return table


def _as_json(
    health: SyncHealth, week_pct: float | None, companies: list[dict[str, Any]], runs: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "freshness": health.freshness.value,
        "last_success_at": health.last_success_at,
        "covered_until": health.covered_until,
        "age_s": health.age_s,
        "next_sync_at": health.next_sync_at,
        "running_since": health.running_since,
        "success_rate_7d_pct": week_pct,
        "rows": sum(each["row_count"] for each in companies),
        "companies": companies,
        "runs": runs,
    }
