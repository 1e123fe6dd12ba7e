"""`alx up`."""

import os

import click

from alx_cli.output import stderr
from alx_core.errors import SettingsError
from alx_core.settings import Settings, load_settings


@click.command()
def command() -> None:
    """Run Dagit, its daemon and all that belongs to them, until Ctrl-C.

    The schedule syncs five past each hour and makes up for what was missed. For production, `deploy/` has units that
    start the same processes one by one.
    """
    settings = load_settings()
    _ = settings.moodle  # says at once that ALX_MOODLE_URL is missing
    serve(settings)


def serve(settings: Settings) -> None:
    """Run all services until SIGINT or SIGTERM. Raises SettingsError when a port is taken."""
    from alx_cli.processes import Supervisor  # noqa: PLC0415  # Dagster is loaded below: not for `--help`
    from alx_cli.services import dagster_services, is_taken  # noqa: PLC0415
    from alx_core.services.schema import prepare  # noqa: PLC0415
    from alx_core.store.engine import open_engine  # noqa: PLC0415
    from alx_pipeline.instance import open_instance, prepare_home, reap_orphans  # noqa: PLC0415

    if is_taken(settings.dagster_bind):
        raise SettingsError(f"{settings.dagster_bind} is in use: is alx running already? Else set ALX_DAGSTER_BIND.")
    with open_engine(settings.database) as engine:
        prepare(engine)
    environment = prepare_home(settings)
    os.environ.update(environment)
    with open_instance(settings.dagster_home) as instance:
        for run_id in reap_orphans(instance):
            stderr.print(f"Run {run_id} was left behind by a stop; it now counts as failed.")
    services = dagster_services(settings)
    Supervisor(services, environment, say=stderr.print).run(on_ready=lambda: _say_ready(settings))


def _say_ready(settings: Settings) -> None:
    stderr.print(f"\nDagit   http://{settings.dagster_bind}\n\nCtrl-C stops everything.")
