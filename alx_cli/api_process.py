"""How the API's process is started, alone or beside Dagster."""

from pathlib import Path

from alx_cli.processes import program
from alx_core.errors import SettingsError

GUNICORN = ("-c", "python:api_server.gunicorn_conf", "api_server.wsgi:app")
"""The configuration reads the settings itself: where to listen, how many processes and threads."""


def api_command() -> list[str]:
    """Return gunicorn's command line, the program's path first. Raises SettingsError when it is not installed."""
    gunicorn = program("gunicorn")
    if not Path(gunicorn).is_file():
        raise SettingsError("The API's packages are not installed: pip install 'alx-report[api]'.")
    return [gunicorn, *GUNICORN]
