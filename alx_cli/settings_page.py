"""Writes docs/settings.md from the settings: `python -m alx_cli.settings_page`. A test keeps the two the same."""

import sys
import types
from typing import Any, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from alx_core.settings import Settings

WORDS = {"ge": "from", "gt": "above", "le": "to"}
"""What Pydantic's bounds are called."""

HEADER = """\
# Settings

Every setting is an environment variable, or a line `NAME=value` in a file `.env`. The environment wins over `.env` in
the working directory, and that over `.env` in `ALX_HOME`. No other file is read. `alx doctor` says what is wrong.

| variable | default | may be | meaning |
|---|---|---|---|
"""


def settings_page() -> str:
    """Return the page as Markdown: one line per setting, in the order of the settings tree."""
    return HEADER + "".join(_line(name, field) for name, field in Settings.model_fields.items())


def _line(name: str, field: FieldInfo) -> str:
    default = "" if field.default in (None, "") else f"`{field.default}`"
    note = " *(secret)*" if _is_secret(field.annotation) else ""
    return f"| `ALX_{name.upper()}` | {default} | {_bounds(field)} | {field.description}{note} |\n"


def _bounds(field: FieldInfo) -> str:
    """What a number may be."""
    given = [(word, getattr(each, name, None)) for name, word in WORDS.items() for each in field.metadata]
    return " ".join(f"{word} {bound:,}" for word, bound in given if bound is not None)


def _is_secret(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return any(_is_secret(each) for each in get_args(annotation))
    return annotation is SecretStr


if __name__ == "__main__":
    sys.stdout.write(settings_page())
