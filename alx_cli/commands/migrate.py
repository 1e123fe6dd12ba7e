"""`alx migrate`."""

import os
from importlib.util import find_spec

import click

from alx_core.settings import Settings, load_settings
from alx_core.store.engine import open_engine, shown
from alx_core.store.schema import migrate


@click.command()
def command() -> None:
    """Bring the reporting database's schema up to date, and then Dagster's tables.

    Keeps all data, the reporting database's in one transaction. What is up to date is left alone.
    """
    settings = load_settings()
    with open_engine(settings.database) as engine:
        before, after = migrate(engine)
    where = shown(engine.url)
    if before == after:
        click.echo(f"{where} is up to date (revision {after}).")
    else:
        click.echo(f"{where} migrated from {before or 'an empty database'} to revision {after}.")
    if find_spec("dagster") is not None:  # a host of the API alone does without
        _migrate_dagster(settings)


def _migrate_dagster(settings: Settings) -> None:
    from alx_pipeline.dagster_home import has_tables, prepare_home  # noqa: PLC0415  # not for `--help`

    if not has_tables(settings):
        return
    from alx_pipeline.instance import open_instance, upgrade  # noqa: PLC0415  # loads Dagster

    os.environ.update(prepare_home(settings))
    with open_instance(settings.dagster_home) as instance:
        before, after = upgrade(instance)
    if before == after:
        click.echo(f"Dagster's tables are up to date (revision {after}).")
    else:
        click.echo(f"Dagster's tables migrated from {before} to revision {after}.")
