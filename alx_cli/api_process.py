"""How the API's process is started, alone or beside Dagster."""

from alx_cli.processes import program

GUNICORN = ("-c", "python:api_server.gunicorn_conf", "api_server.wsgi:app")
"""The configuration reads the settings itself: where to listen, how many processes and threads."""


def api_command() -> list[str]:
    """Return gunicorn's command line, the program's path first."""
    return [program("gunicorn"), *GUNICORN]
