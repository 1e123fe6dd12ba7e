"""The files `.env`: where they are, that they can be read whole, and which settings they and the environment name."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from alx_core.errors import SettingsError

NAME = Path(".env")
SETTING = re.compile(r"\s*(?:export\s+)?(ALX_\w+)")
"""A line that is one of ours."""


def env_files() -> tuple[Path, Path]:
    """Return the one in `ALX_HOME`, where `alx demo` puts its own, and the one in the working directory, which wins.

    Raises SettingsError: a setting in one of them ends nowhere. The reader would leave it out, with a line in the log.
    Raises UnicodeDecodeError: one is not UTF-8.
    """
    _require_whole(NAME)  # it may say where ALX_HOME is
    home = Path(os.environ.get("ALX_HOME") or dotenv_values(NAME).get("ALX_HOME") or "var") / NAME
    _require_whole(home)
    return home, NAME


def names_given() -> set[str]:
    """Return the names that begin as a setting's does, in capitals."""
    sources: list[Iterable[str]] = [os.environ, *map(dotenv_values, env_files())]
    return {name.upper() for source in sources for name in source if name.upper().startswith("ALX_")}


def _require_whole(file: Path) -> None:
    if file.is_file():
        with file.open(encoding="utf-8") as stream:
            broken = [SETTING.match(each.original.string) for each in parse_stream(stream) if each.error]
        for name in (found[1] for found in broken if found):
            raise SettingsError(f"{name} in {file.absolute()} can't be read. Is a quote not closed?")
