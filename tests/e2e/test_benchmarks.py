"""The benchmarks run, and what they find is written down; how quick anything is, is no matter of a test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.databases import require_server

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(folder: Path, *arguments: str) -> None:
    """Run a script of the benchmarks in `folder`, to its end."""
    script, *options = arguments
    command = [sys.executable, str(BENCHMARKS / script), *options]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("script", ["overhead.py", "metrics.py", "status_page.py", "start.py", "idle.py"])
def test_a_benchmark_runs_at_tiny_sizes_and_its_figures_are_kept(script: str, tmp_path: Path) -> None:
    require_server("postgresql")
    run(tmp_path, "run_all.py", "--quick", "--only", script)
    found = json.loads((tmp_path / "var/bench/results.json").read_text())
    assert {each["command"].split()[0] for each in found} == {script}
    results = (tmp_path / "var/bench/RESULTS.md").read_text()
    for each in found:
        assert each["figures"]
        assert each["text"] in results
        assert all(floor["what"] in results for floor in each["floors"])


def test_the_sync_is_measured_beside_itself_without_change(tmp_path: Path) -> None:
    run(tmp_path, "sync.py", "--only", "sqlite", "--small-pairs", "1000", "--rounds", "1", "--json", "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    runs = {each["contender"]: each for each in found["figures"]}
    assert set(runs) == {
        "alx sync --rebuild",
        "hour without change",
        "hour with a change of 1 % of the learners",
        "hour in which a course is made",
        "hour in which a course of 5 % of the learners is renamed",
        "first hour of a day, without change",
    }
    assert all(each["rows"] > 900 and each["engine_s"] < each["seconds"] for each in runs.values())
    assert {floor["limit"] for floor in found["floors"]} == {30, 500, 0.5}
