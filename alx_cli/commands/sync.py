"""`alx sync`."""

from collections.abc import Collection, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import click
from rich.markup import escape

from alx_cli.output import make_table, print_json, print_table, stdout
from alx_cli.terminal import SyncBars
from alx_core import imports
from alx_core.domain.bad_records import LAST_TIME
from alx_core.domain.sync import COUNTS, SyncResult
from alx_core.errors import SourceError
from alx_core.printable import printable
from alx_core.services.schema import prepare
from alx_core.settings import Settings, load_settings
from alx_core.store.companies import list_companies
from alx_core.store.engine import connect, open_engine

HOUR_HELP = "as 2026-11-23T10:00, UTC unless an offset is given"


class Hour(click.ParamType[datetime]):
    """A full hour."""

    name = "hour"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse ISO 8601; without an offset it is UTC."""
        try:
            hour = datetime.fromisoformat(value)
            hour = hour.replace(tzinfo=UTC) if hour.tzinfo is None else hour.astimezone(UTC)
        except (ValueError, OverflowError):  # also the years 0 and 10000, in UTC
            self.fail(f"{value!r} is not an hour; write it {HOUR_HELP}", param, ctx)
        if hour.minute or hour.second or hour.microsecond:
            self.fail(f"{value!r} is not a full hour", param, ctx)
        return hour


@click.command()
@click.option("--hour", type=Hour(), help=f"One hour, {HOUR_HELP}.")
@click.option("--from", "start", type=Hour(), help="First of several hours; they are one run.")
@click.option("--to", "end", type=Hour(), help="End of several hours, itself not included.")
@click.option("--rebuild", is_flag=True, help="Recompute every row, also where nothing changed.")
@click.option(
    "--company", "companies", multiple=True, metavar="SHORTNAME", help="Rebuild this one alone; may be repeated."
)
@click.option(
    "--as-of",
    type=click.IntRange(0, LAST_TIME),
    metavar="EPOCH",
    help="Instant at which enrolment periods are judged; default: now.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(**options: Any) -> None:
    """Bring the reporting table up to date.

    Without options: the newest complete hour. Whatever the hours, the table is compared with Moodle as it is now, and
    what differs is written; learner ranges in which nothing changed are skipped. An empty reporting database is
    migrated first. Exits with 0 only when every company was synced.
    """
    as_json = options.pop("as_json")
    job, arguments = _job(**options)
    with imports.that_stay():
        from alx_cli.dagster_run import run_job  # noqa: PLC0415  # loads Dagster: not for `--help`

    settings = load_settings()
    refuse_unknown(settings, options["companies"])
    with SyncBars() as listener:
        result = run_job(settings, job, listener=listener, **arguments)
    if as_json:
        print_json(_as_json(result))
    else:
        print_result(result)
    if result.failed:
        click.echo(
            f"Error: {len(result.failed)} of {len(result.companies)} companies failed; their rows are as they were. "
            "Mend the cause and run the sync again.",
            err=True,
        )
        raise SystemExit(1)


def _job(
    *,
    hour: datetime | None,
    start: datetime | None,
    end: datetime | None,
    rebuild: bool,
    companies: Sequence[str],
    as_of: int | None,
) -> tuple[str, dict[str, Any]]:
    """Return the job to run and its arguments; refuse options that contradict each other."""
    with imports.that_stay():
        from alx_pipeline.partitions import (  # noqa: PLC0415  # loads Dagster: not for `--help`
            HOUR,
            RANGE_END_TAG,
            RANGE_START_TAG,
            key_of,
            newest_complete_hour,
            require_complete,
        )

    if (start is None) != (end is None):
        raise click.UsageError("--from and --to belong together")
    if sum((hour is not None, start is not None, rebuild or bool(companies))) > 1:
        raise click.UsageError("--hour, --from/--to and --rebuild/--company exclude each other")
    config: dict[str, Any] = {} if as_of is None else {"as_of": as_of}
    if rebuild or companies:
        config["companies"] = list(companies)
        return "rebuild", {"run_config": {"ops": {"reporting_table_rebuild": {"config": config}}}}
    now = datetime.now(UTC)
    first = hour or start or newest_complete_hour(now)
    if end is not None and end <= first:
        raise click.UsageError("--to must be later than --from")
    last = first if end is None else end - HOUR
    require_complete(first, now=now)
    require_complete(last, now=now)
    arguments: dict[str, Any] = {"run_config": {"ops": {"reporting_table": {"config": config}}}}
    if first == last:
        return "hourly_sync", {**arguments, "partition_key": key_of(first)}
    return "hourly_sync", {**arguments, "tags": {RANGE_START_TAG: key_of(first), RANGE_END_TAG: key_of(last)}}


def refuse_unknown(settings: Settings, shortnames: Collection[str]) -> None:
    """Refuse a company that neither Moodle nor the reporting table knows: a slip of the pen is no failed sync.

    A Moodle that can't be read is one: that is left to the run, which books it. Raises click.BadParameter.
    """
    if not shortnames:
        return
    from alx_pipeline.moodle.source import open_source  # noqa: PLC0415  # loads polars: not for `--help`

    try:
        with closing(open_source(settings.moodle, settings.moodle_prefix)) as source:
            present = {each["shortname"] or "" for each in source.companies().to_dicts()}
    except SourceError:
        return
    with open_engine(settings.database) as engine:
        prepare(engine)
        with connect(engine) as connection:
            stored = {each["shortname"] for each in list_companies(connection)}  # those gone from Moodle too
    unknown = sorted(set(shortnames) - present - stored)
    if unknown:
        named, known = ", ".join(map(repr, unknown)), printable(", ".join(sorted(present)))
        message = f"there is no company with shortname {named}. Moodle has: {known}."
        raise click.BadParameter(message, param_hint="--company")


def print_result(result: SyncResult) -> None:
    """Print what a sync did, company by company."""
    table = make_table(None, ["Company"], [*(name.capitalize() for name in COUNTS), "Bad records"])
    for each in result.companies:
        counts = (*(getattr(each, name) for name in COUNTS), each.errors)
        table.add_row(escape(each.shortname), *(f"{count:,}" for count in counts))
    totals = (*result.counts.values(), result.errors)
    table.add_section()
    table.add_row(f"{len(result.companies)} companies", *(f"{count:,}" for count in totals), style="bold")
    print_table(table)
    for shortname, error in sorted(result.failed.items()):
        stdout.print(f"[bold red]failed[/] {escape(printable(shortname))}: {escape(printable(error))}")
    rate = result.processed / max(result.seconds, 1e-3)
    stdout.print(f"\nSync {result.run_id} took {result.seconds:.1f} s ({rate:,.0f} rows/s).")


def _as_json(result: SyncResult) -> dict[str, Any]:
    names = ("shortname", "companyid", "status", *COUNTS, "errors", "error")
    return {
        "run_id": result.run_id,
        "status": "failed" if result.failed else "succeeded",
        "as_of": result.as_of,
        "seconds": round(result.seconds, 3),
        **result.counts,
        "errors": result.errors,
        "companies": [{name: getattr(each, name) for name in names} for each in result.companies],
    }
