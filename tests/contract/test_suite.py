"""What a run of the tests may touch: nothing of an installation that lies in the same folder or environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.command import Command

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WRITES = "tests/unit/alx_cli/test_cli_alerts.py::test_purge_says_what_went"


def run_tests(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    program = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), str(ROOT / WRITES)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(program, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_tests_do_not_write_into_the_database_of_the_environment(tmp_path: Path) -> None:
    """They wrote incidents, which Slack was told of, and purged."""
    done = run_tests(tmp_path, ALX_DATABASE_URL=f"sqlite:///{tmp_path}/real.sqlite")
    assert done.returncode == 0, done.stdout
    assert not (tmp_path / "real.sqlite").exists()


def test_tests_do_not_run_beside_settings_that_commands_would_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ALX_DATABASE_URL=sqlite:///{tmp_path}/real.sqlite\n", encoding="utf-8")
    assert "There is a .env here" in run_tests(tmp_path).stderr
    assert not (tmp_path / "real.sqlite").exists()


def test_the_servers_that_tests_are_told_of_are_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor took them for misspelt ones, and twelve tests failed where they were set."""
    monkeypatch.setenv("ALX_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
    assert "ALX_TEST_" not in Command(tmp_path).run("doctor").stdout
