"""`alx token`: make, list, revoke and import tokens. A secret is shown once and kept nowhere."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.markup import escape
from sqlalchemy import Connection

from alx_cli.moments import HELP, Moment
from alx_cli.output import make_table, print_json, print_table, stderr, when
from alx_core.domain.token_state import WORKS, describe_state
from alx_core.printable import printable
from alx_core.services.schema import prepare
from alx_core.services.tokens import Import, MoodleToken, companyid_of, create_token, import_tokens, pick_token, revoke
from alx_core.settings import Settings, load_settings
from alx_core.store.companies import list_companies
from alx_core.store.engine import connect, open_engine, transaction
from alx_core.store.schema import require_current
from alx_core.store.tokens import list_tokens

JSON_NAMES = (
    "id", "prefix", "name", "shortname", "companyid", "source", "state", "allowed_networks", "created_at", "expires_at",
    "revoked_at", "last_used_at", "last_address",
)  # fmt: skip

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")


@click.group()
def command() -> None:
    """Make, list, revoke and import the tokens with which reports read."""


@command.command()
@click.option("--company", "shortname", required=True, metavar="SHORTNAME", help="The company whose rows it may read.")
@click.option("--name", default="", help="What it is for, to tell tokens apart.")
@click.option("--expires", type=Moment(), help=f"When it ends: {HELP}. Default: never.")
@click.option(
    "--allow-ip", "networks", multiple=True, metavar="NETWORK",
    help="Works only from this address, network (10.0.0.0/8) or range (10.0.0.10-20); may be repeated.",
)  # fmt: skip
@as_json_option
def create(shortname: str, name: str, expires: int | None, networks: Sequence[str], as_json: bool) -> None:
    """Make a token and print it, this once. For a script: TOKEN=$(alx token create --company acme).

    Only a hash of it is kept. Whatever else there is to say goes to stderr.
    """
    if not all(each.strip() for each in networks):
        raise click.UsageError("--allow-ip names no address; leave it out for a token that works from everywhere")
    if not name.isprintable():
        raise click.UsageError(
            "--name holds a line break or another character that can't be shown; give it in one line"
        )
    now, allowed = int(time.time()), ",".join(networks)
    with open_engine(load_settings().database) as engine:
        prepare(engine)
        with transaction(engine) as connection:
            token = create_token(
                connection, shortname=shortname, name=name, expires_at=expires, allowed_networks=allowed, now=now
            )
            row = _with_state(connection, [pick_token(connection, token)], now)[0]
    if as_json:
        print_json({"token": token, **_as_json(row)})
        return
    click.echo(token)
    until = "never expires" if expires is None else f"expires {when(expires)}"
    where = f"works from {allowed}" if allowed else "works from everywhere"
    stderr.print(f"Token {row['id']} of {escape(printable(shortname))}: {until}, {where}. It is not shown again.")
    if row["state"] != WORKS:
        stderr.print(f"[bold yellow]It will be refused as things stand:[/] {row['state']}.")


@command.command("list")
@click.option("--company", "shortname", metavar="SHORTNAME", help="Only this company's.")
@as_json_option
def list_command(shortname: str | None, as_json: bool) -> None:
    """Show all tokens. Whose each is, how it stands, when it was last used; not the token itself, which is not kept."""
    with open_engine(load_settings().database) as engine:
        require_current(engine)
        with connect(engine) as connection:
            companyid = None if shortname is None else companyid_of(connection, shortname)
            tokens = [row for row in list_tokens(connection) if companyid in (None, row["companyid"])]
            rows = _with_state(connection, tokens, int(time.time()))
    if as_json:
        print_json([_as_json(row) for row in rows])
    elif rows:
        print_table(_table(rows))
    else:
        stderr.print("No tokens. `alx token create` makes one, `alx token import-moodle` takes over Moodle's.")


@command.command("revoke")
@click.argument("references", nargs=-1, metavar="[ID|PREFIX|TOKEN]...")
@click.option("--all-of", "shortname", metavar="SHORTNAME", help="All tokens of this company.")
@as_json_option
def revoke_command(references: Sequence[str], shortname: str | None, as_json: bool) -> None:
    """Revoke tokens for good, from the next request on. Named by id, by first characters, or in full.

    All or none: a name that fits no token or several revokes nothing.
    """
    if not references and shortname is None:
        raise click.UsageError("which token? Give an id or its first characters, or --all-of SHORTNAME")
    now = int(time.time())
    with open_engine(load_settings().database) as engine:
        require_current(engine)
        with transaction(engine) as connection:
            picked = {row["id"]: row for row in (pick_token(connection, each) for each in references)}
            if shortname is not None:
                companyid = companyid_of(connection, shortname)
                picked |= {row["id"]: row for row in list_tokens(connection) if row["companyid"] == companyid}
            revoke(connection, picked.keys(), now=now)
    if as_json:
        print_json([{"id": each, "was_revoked_at": row["revoked_at"]} for each, row in sorted(picked.items())])
        return
    for token_id, row in sorted(picked.items()):
        done = "revoked" if row["revoked_at"] is None else f"was revoked already, {when(row['revoked_at'])}"
        stderr.print(f"Token {token_id} ({row['prefix']}..., {_company(row)}): {done}.")
    if not picked:
        stderr.print(f"{escape(printable(shortname or ''))} has no tokens.")


@command.command("import-moodle")
@as_json_option
def import_command(as_json: bool) -> None:
    """Take over the tokens of Moodle's web service. Reports then keep theirs.

    Reads the permanent tokens of the services alx_report_api_custom and alx_report_api, with owner, company, expiry and
    allowed networks; Moodle is not changed. Run it again after changes there: what changed changes here, and what is
    gone there is revoked.
    """
    settings, now = load_settings(), int(time.time())
    found = _read_moodle(settings)
    with open_engine(settings.database) as engine:
        prepare(engine)
        with transaction(engine) as connection:
            done = import_tokens(connection, found, now=now)
            rows = _with_state(connection, [row for row in list_tokens(connection) if row["source"] == "moodle"], now)
    if as_json:
        print_json({**_counts(done), "tokens": [_as_json(row) for row in rows]})
        return
    if rows:
        print_table(_table(rows))
    if not found:
        stderr.print("Moodle has no tokens of the services alx_report_api_custom or alx_report_api.")
    stderr.print(", ".join(f"{count} {what}" for what, count in _counts(done).items()) + ".")


def _read_moodle(settings: Settings) -> list[MoodleToken]:
    from alx_pipeline.moodle.tokens import read_tokens_at  # noqa: PLC0415  # loads polars: not for `--help`

    return read_tokens_at(settings.moodle, settings.moodle_prefix)


def _counts(done: Import) -> dict[str, int]:
    return {name: getattr(done, name) for name in ("added", "updated", "unchanged", "revoked")}


def _with_state(connection: Connection, rows: Iterable[dict[str, Any]], now: int) -> list[dict[str, Any]]:
    companies = {row["companyid"]: row for row in list_companies(connection)}
    return [{**row, "state": describe_state(row, companies.get(row["companyid"]), now=now)} for row in rows]


def _as_json(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in JSON_NAMES}


def _company(row: dict[str, Any]) -> str:
    named = printable(row["shortname"] or "")
    return escape(named) or ("none" if row["companyid"] is None else f"company {row['companyid']}")


def _table(rows: Iterable[dict[str, Any]]) -> Any:
    table = make_table(
        None, ["Token", "Company", "Name", "From", "State", "Expires", "Works from", "Last used"], ["Id"]
    )
    for row in rows:
        state = f"[green]{row['state']}[/]" if row["state"] == WORKS else f"[red]{row['state']}[/]"
        table.add_row(
            f"{escape(row['prefix'])}...", _company(row), escape(row["name"]), row["source"], state,
            when(row["expires_at"]), escape(row["allowed_networks"] or "everywhere"), when(row["last_used_at"]),
            str(row["id"]),
        )  # fmt: skip
    return table
