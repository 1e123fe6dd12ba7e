"""`alx migrate`."""

import click

from alx_core.settings import load_settings
from alx_core.store.engine import open_engine, shown
from alx_core.store.schema import migrate


@click.command()
def command() -> None:
    """Bring the reporting database's schema up to date.

    Keeps all data, in one transaction. A database that is up to date is left alone.
    """
    with open_engine(load_settings().database) as engine:
        before, after = migrate(engine)
    where = shown(engine.url)
    if before == after:
        click.echo(f"{where} is up to date (revision {after}).")
    else:
        click.echo(f"{where} migrated from {before or 'an empty database'} to revision {after}.")
