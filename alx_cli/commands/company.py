"""`alx company`: the companies, and what is set for each."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.markup import escape
from sqlalchemy import Connection

from alx_cli.output import make_table, print_json, print_table, stderr, stdout, when
from alx_core.domain.company_settings import EVERY_COMPANY, KINDS
from alx_core.domain.quota import resets_at, usage_day
from alx_core.services.company_settings import change_settings, explain_settings, settings_in_force
from alx_core.services.schema import prepare
from alx_core.services.tokens import companyid_of
from alx_core.settings import Settings, load_settings
from alx_core.store.access import calls_on
from alx_core.store.companies import list_companies
from alx_core.store.engine import connect, open_engine, transaction
from alx_core.store.schema import require_current

JSON_NAMES = ("companyid", "shortname", "name", "state", "row_count", "last_synced_at", "calls_today", "rate_limit")

all_option = click.option("--all", "is_all", is_flag=True, help="The defaults of all companies, instead of one's own.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")


@click.group()
def command() -> None:
    """Show the companies, and show or change what is set for them."""


@command.command("list")
@as_json_option
def list_command(as_json: bool) -> None:
    """Show all companies, and today's calls against each quota."""
    settings, now = load_settings(), int(time.time())
    with open_engine(settings.database) as engine:
        require_current(engine)
        with connect(engine) as connection:
            rows = _companies(connection, settings, now)
    if as_json:
        print_json([{name: row[name] for name in JSON_NAMES} for row in rows])
    elif rows:
        print_table(_table(rows))
        stdout.print(f"\nToday ends {when(resets_at(now, settings.zone))} (midnight in {settings.timezone}).")
    else:
        stderr.print("No companies yet. `alx sync` brings them in.")


@command.command()
@click.argument("shortname", required=False)
@all_option
@as_json_option
def show(shortname: str | None, is_all: bool, as_json: bool) -> None:
    """Show every setting of a company. For each: its value, where that is from, and what it means."""
    with open_engine(load_settings().database) as engine:
        require_current(engine)
        with connect(engine) as connection:
            _print_settings(connection, _whose(connection, shortname, is_all=is_all), as_json=as_json)


@command.command("set")
@click.argument("words", nargs=-1, metavar="SHORTNAME KEY=VALUE...")
@all_option
@as_json_option
def set_command(words: Sequence[str], is_all: bool, as_json: bool) -> None:
    """Change settings of a company. For example: alx company set acme rate_limit=500 field_email=0.

    All of them or, when one is wrong, none. KEY= takes a setting away: the default holds again. With --all there is no
    SHORTNAME. The API goes by them from the next request on. `alx company show` names the keys.
    """
    shortname, assignments = (None, words) if is_all else (words[0] if words else None, words[1:])
    values = _parse(assignments)
    with open_engine(load_settings().database) as engine:
        prepare(engine)
        with transaction(engine) as connection:
            companyid = _whose(connection, shortname, is_all=is_all)
            change_settings(connection, companyid, values, now=int(time.time()))
        with connect(engine) as connection:
            _print_settings(connection, companyid, as_json=as_json, only=None if as_json else values.keys())


def _parse(assignments: Sequence[str]) -> dict[str, str]:
    if not assignments:
        raise click.UsageError("what is to be set? Write key=value; `alx company show` names the keys")
    values: dict[str, str] = {}
    for each in assignments:
        name, equals, value = each.partition("=")
        if not equals:
            raise click.UsageError(f"{each!r} is not key=value")
        if name in values:
            raise click.UsageError(f"{name} stands twice")
        values[name] = value
    return values


def _whose(connection: Connection, shortname: str | None, *, is_all: bool) -> int:
    if is_all:
        if shortname is not None:
            raise click.UsageError("either a company or --all")
        return EVERY_COMPANY
    if shortname is None:
        raise click.UsageError("which company? Give its shortname, or --all")
    return companyid_of(connection, shortname)


def _companies(connection: Connection, settings: Settings, now: int) -> list[dict[str, Any]]:
    calls, settings_of = calls_on(connection, usage_day(now, settings.zone)), settings_in_force(connection)
    rows = []
    for row in list_companies(connection):
        in_force = settings_of(row["companyid"])
        quota = {"calls_today": calls.get(row["companyid"], 0), "rate_limit": in_force.rate_limit}
        rows.append({**row, **quota, "state": _state(row, is_enabled=in_force.enabled)})
    return rows


def _state(row: dict[str, Any], *, is_enabled: bool) -> str:
    if row["is_deleted"]:
        return "gone from Moodle"
    if row["suspended"]:
        return "suspended"
    return "ok" if is_enabled else "switched off"


def _table(rows: Iterable[dict[str, Any]]) -> Any:
    table = make_table(None, ["Company", "Name", "State"], ["Rows", "Calls today", "of"])
    for row in rows:
        state = row["state"] if row["state"] == "ok" else f"[red]{row['state']}[/]"
        limit = f"{row['rate_limit']:,}" if row["rate_limit"] else "unlimited"
        is_used_up = 0 < row["rate_limit"] <= row["calls_today"]
        calls = f"[bold red]{row['calls_today']:,}[/]" if is_used_up else f"{row['calls_today']:,}"
        table.add_row(escape(row["shortname"]), escape(row["name"]), state, f"{row['row_count']:,}", calls, limit)
    return table


def _print_settings(
    connection: Connection, companyid: int, *, as_json: bool, only: Iterable[str] | None = None
) -> None:
    explained = explain_settings(connection, companyid)
    if as_json:
        print_json({name: {"value": value, "from": origin} for name, (value, origin) in explained.items()})
        return
    table = make_table(None, ["Setting", "Value", "From", "Meaning"])
    for name in explained if only is None else only:
        value, origin = explained.get(name, ("1", "default"))
        meaning = KINDS[name].meaning if name in KINDS else "0 hides the course"
        shown = value if origin == "default" else f"[bold]{escape(value)}[/]"
        table.add_row(name, shown, origin, escape(meaning))
    print_table(table)
