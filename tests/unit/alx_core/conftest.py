"""Settings of nobody: no variable and no file but those of the test."""

import os
from pathlib import Path

import pytest

from alx_core.settings import Settings, load_settings
from support.load_settings import Load


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load the settings in an empty working directory, with no other variables than those given."""
    for name in list(os.environ):
        if name.upper().startswith("ALX_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def load(**environment: str) -> Settings:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return load
