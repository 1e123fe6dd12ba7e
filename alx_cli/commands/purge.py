"""`alx purge`."""

import logging
import os
import time

import click

from alx_cli.output import make_table, print_json, print_table
from alx_core.logs import configure_logs
from alx_core.settings import load_settings
from alx_core.store.engine import open_engine

NAMES = {
    "requests": "requests of the log",
    "metrics": "hourly metrics",
    "usage": "days of quota counters",
    "runs": "syncs",
    "alerts": "alerts that are over",
    "tombstones": "deleted rows of the reporting table",
    "history": "replaced rows",
    "sessions": "paged reads",
    "dagster_runs": "runs of Dagster",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(as_json: bool) -> None:
    """Delete what is older than the settings ALX_..._RETENTION_DAYS allow.

    Dagster does it every night; this does the same at once. Whatever is set, nothing of the last three days goes,
    because missed hours of the last 48 are made up for; but versions of rows that a sync replaced go after six hours,
    and so do paged reads: none needs them then. May be repeated, or stopped, at any time.
    """
    from alx_core.services.retention import purge  # noqa: PLC0415  # loads what `--help` does without
    from alx_core.store.schema import require_current  # noqa: PLC0415
    from alx_pipeline.dagster_home import prepare_home  # noqa: PLC0415
    from alx_pipeline.instance import open_instance  # noqa: PLC0415  # loads Dagster
    from alx_pipeline.purge import purge_dagster_runs  # noqa: PLC0415

    configure_logs("text", level=logging.WARNING)  # the command says itself what went
    settings, now = load_settings(), int(time.time())
    with open_engine(settings.database) as engine:
        require_current(engine)
        counts = purge(engine, settings, now=now).counts()
    os.environ.update(prepare_home(settings))
    with open_instance(settings.dagster_home) as instance:
        counts["dagster_runs"] = purge_dagster_runs(instance, days=settings.run_retention_days, now=now)
    if as_json:
        print_json(counts)
        return
    table = make_table(None, ["Deleted"], ["Rows"])
    for name, count in counts.items():
        table.add_row(NAMES[name], f"{count:,}")
    print_table(table)
