"""`alx api`."""

import os

import click

from alx_cli.api_process import api_command
from alx_cli.home import require_home
from alx_cli.ports import require_free
from alx_core.services.schema import prepare
from alx_core.settings import load_settings
from alx_core.store.engine import open_engine
from alx_core.store.poolers import require_no_pooler


@click.command()
def command() -> None:
    """Serve the API and the status page alone, without Dagster.

    An empty reporting database is migrated first. Runs until Ctrl-C; this process becomes gunicorn's, so a service
    manager's signals reach it. `alx up` runs the same beside Dagster.
    """
    settings = load_settings()
    require_free(settings.api_bind, setting="ALX_API_BIND")
    require_home(settings)
    require_no_pooler(settings.database)
    with open_engine(settings.database) as engine:
        prepare(engine)
    gunicorn = api_command()
    os.execv(gunicorn[0], gunicorn)  # noqa: S606  # no shell wanted
