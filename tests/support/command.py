"""`alx` in this process: the same code as the program, without three seconds of imports for each call."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from alx_cli.main import cli
from alx_core.errors import AlxError


class Command:
    """One installation's command line."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.environment: dict[str, str] = {"ALX_HOME": str(home), **environment}

    def run(self, *arguments: str, **environment: str) -> "Outcome":
        """Run `alx` with the arguments; as `main` does, an AlxError becomes exit code 1 and a line on stderr."""
        of_the_suite = {name: None for name in os.environ if name.startswith("ALX_TEST_")}
        env: Mapping[str, str | None] = {**of_the_suite, "ALX_MOODLE_URL": None, "ALX_DATABASE_URL": None}
        done = CliRunner(env={**env, **self.environment, **environment}).invoke(cli, arguments)
        if isinstance(done.exception, AlxError):
            return Outcome(1, done.stdout, f"{done.stderr}Error: {done.exception}\n")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Outcome(done.exit_code, done.stdout, done.stderr)


class Outcome:
    """How a command ended."""

    def __init__(self, code: int, stdout: str, stderr: str) -> None:
        self.code, self.stdout, self.stderr = code, stdout, stderr

    @property
    def json(self) -> Any:
        """What it printed, parsed."""
        return json.loads(self.stdout)
