"""`alx up`."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from alx_cli.home import hold_home
from alx_cli.output import stderr
from alx_cli.ports import address_of, require_free
from alx_core.settings import Settings, load_settings

if TYPE_CHECKING:
    from alx_cli.processes import Service


@click.command()
def command() -> None:
    """Run Dagit, its daemon, the API and the status page, until Ctrl-C.

    The schedule syncs five past each hour and makes up for what was missed. What ends is started again. For production
    run it under a service manager; `alx api` serves the API and the status page alone, on further hosts.
    """
    settings = load_settings()
    _ = settings.moodle  # says at once that ALX_MOODLE_URL is missing
    serve(settings, on_ready=lambda: say_where(settings))


def serve(settings: Settings, *, on_ready: Callable[[], None]) -> None:
    """Run all services until SIGINT or SIGTERM; call `on_ready` when all answer.

    Raises SettingsError when a port is taken, or another one runs in this ALX_HOME or over this reporting database.
    """
    from alx_cli.processes import Supervisor  # noqa: PLC0415  # not for `--help`
    from alx_core.services.schema import prepare  # noqa: PLC0415
    from alx_core.store.engine import open_engine  # noqa: PLC0415
    from alx_core.store.locks import up_lock  # noqa: PLC0415
    from alx_pipeline.dagster_home import prepare_home  # noqa: PLC0415

    require_ports(settings)
    with hold_home(settings), open_engine(settings.database) as engine, up_lock(engine):
        prepare(engine)
        environment = prepare_home(settings)
        os.environ.update(environment)
        Supervisor(_services(settings), environment, say=stderr.print).run(on_ready)


def _services(settings: Settings) -> "Iterator[Service]":
    """Yield the API first, which is then the last to stop: it needs none of the others, and reports wait for it."""
    from alx_cli.orphans import end_orphans  # noqa: PLC0415
    from alx_cli.services import api_service, dagster_services  # noqa: PLC0415

    yield api_service(settings)
    for run_id in end_orphans():
        stderr.print(f"Run {run_id} was left behind by a stop; it now counts as failed.")
    yield from dagster_services(settings)


def require_ports(settings: Settings) -> None:
    """Raise SettingsError when Dagit's port or the API's is taken."""
    require_free(settings.dagster_bind, setting="ALX_DAGSTER_BIND")
    require_free(settings.api_bind, setting="ALX_API_BIND")


def say_where(settings: Settings) -> None:
    """Print where people find everything, on stderr: by the public addresses, where there are some."""
    api = settings.public_link if settings.public_url else address_of(settings.api_bind)
    dagit = settings.dagster_link if settings.dagster_url else address_of(settings.dagster_bind)
    stderr.print(f"\n[bold]Status page[/]  {api}/status")
    stderr.print(f"[bold]API[/]          {api}/webservice/rest/server.php")
    stderr.print(f"[bold]Dagit[/]        {dagit}")
    stderr.print("\nCtrl-C stops everything.")
