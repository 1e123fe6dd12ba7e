"""`alx`: finds the command, keeps files private, turns an error that a person can mend into one clear line."""

import sys
from importlib import import_module
from typing import Any

import click

from alx_core import imports
from alx_core.errors import AlxError
from alx_core.printable import printable_lines
from alx_core.private_files import make_files_private

COMMANDS = {
    "alerts": "List, acknowledge and end alerts, and try the channels",
    "api": "Serve the API and the status page alone",
    "company": "Show the companies, and show or change what is set for them",
    "demo": "Make up a Moodle, sync it and serve it on this machine",
    "doctor": "Check settings, databases and rights, and say how to mend what is wrong",
    "migrate": "Bring the reporting database's schema up to date",
    "purge": "Delete what is older than the settings allow",
    "status": "Show how fresh the reporting table is, and what the last syncs did",
    "sync": "Bring the reporting table up to date",
    "token": "Make, list, revoke and import the tokens with which reports read",
    "up": "Run Dagit, its daemon, the API and the status page",
}
"""Command -> what it does. `alx_cli.commands.<name>` holds each as `command`."""


class Alx(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return all names, for the help page."""
        return sorted(COMMANDS)

    def get_command(self, _context: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        with imports.that_stay():
            command: click.Command = import_module(f"alx_cli.commands.{cmd_name}").command
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=Alx, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="alx-report", prog_name="alx")
def cli() -> None:
    """Training progress out of Moodle, right and on time.

    Settings come from the environment or a .env file; see docs/settings.md.
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line and exit: 0 done, 1 not done (the reason is on stderr), 2 wrong usage."""
    make_files_private()
    try:
        return cli.main(args=arguments, prog_name="alx")
    except AlxError as error:
        told = str(error)
    except Exception as error:
        from alx_core.faults import explain  # noqa: PLC0415  # loads SQLAlchemy: not for `--help`

        known = explain(error)
        if known is None:
            raise
        told = known
    click.echo(f"Error: {printable_lines(told)}", err=True)
    sys.exit(1)
