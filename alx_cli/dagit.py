"""`python -m alx_cli.dagit`: dagster-webserver with its own options, behind `dagit_guard`."""

from importlib import import_module
from typing import Any

from starlette.applications import Starlette

from alx_cli.dagit_guard import DagitGuard
from alx_core.settings import load_settings, split_bind


def main() -> None:
    """Run dagster-webserver's command line; the app that it makes is guarded before it is served."""
    cli: Any = import_module("dagster_webserver.cli")  # typed in part
    make_app = cli.create_app_from_workspace_process_context
    settings = load_settings()
    guard = {"bound_to": split_bind(settings.dagster_bind)[0], "public_url": settings.dagster_link}

    def make_guarded_app(*arguments: Any, **options: Any) -> Starlette:
        app: Starlette = make_app(*arguments, **options)
        app.add_middleware(DagitGuard, **guard)
        return app

    cli.create_app_from_workspace_process_context = make_guarded_app
    cli.main()


if __name__ == "__main__":
    main()
