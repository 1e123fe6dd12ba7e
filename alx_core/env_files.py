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


def env_files() -> tuple[Path, ...]:
    """Return those that are there: of `ALX_HOME`, where `alx demo` puts one, and of the working directory, which wins.

    Raises SettingsError: one may not be read, or a setting in it ends nowhere, which the reader would leave out with a
    line in the log. Raises UnicodeDecodeError: one is not UTF-8.
    """
    here = _whole(NAME)
    named = dotenv_values(NAME).get("ALX_HOME") if here else None
    return (*_whole(Path(os.environ.get("ALX_HOME") or named or "var") / NAME), *here)


def names_given() -> set[str]:
    """Return the names that begin as a setting's does, in capitals."""
    sources: list[Iterable[str]] = [os.environ, *map(dotenv_values, env_files())]
    return {name.upper() for source in sources for name in source if name.upper().startswith("ALX_")}


def _whole(file: Path) -> tuple[Path, ...]:
    if not _is_there(file):
        return ()
    try:
        with file.open(encoding="utf-8") as stream:
            broken = [SETTING.match(each.original.string) for each in parse_stream(stream) if each.error]
    except PermissionError:
        raise SettingsError(
            f"This user may not read {file.absolute()}. Give it the file, or run alx as its owner."
        ) from None
    for name in (found[1] for found in broken if found):
        raise SettingsError(f"{name} in {file.absolute()} can't be read. Is a quote not closed?")
    return (file,)


def _is_there(file: Path) -> bool:
    """Whether there is such a file for this user: `sudo -u alx` begins in a folder that it may not look into."""
    try:
        return file.is_file()
    except PermissionError:
        return False
