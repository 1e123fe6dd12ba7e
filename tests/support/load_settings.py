"""Loading the settings as a command does, from variables alone, and what an error of theirs says."""

from collections.abc import Callable

import pytest

from alx_core.errors import SettingsError
from alx_core.settings import Settings

Load = Callable[..., Settings]
"""The fixture `load`: variables by their names -> Settings."""


def refusal(load: Load, name: str, value: str) -> str:
    """Load one wrong variable; return what the error says."""
    with pytest.raises(SettingsError) as caught:
        load(**{name: value})
    assert caught.value.__cause__ is None, "the cause would show the value in a traceback"
    return str(caught.value)
