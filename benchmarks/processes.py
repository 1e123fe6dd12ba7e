"""Run a command and say how long it took and how much memory its process tree held at most."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_S = 0.05


@dataclass(frozen=True)
class Ran:
    """Wall seconds, peak resident MB of the whole tree, and what the command printed."""

    seconds: float
    peak_mb: float
    output: str


def run(command: Sequence[str], env: Mapping[str, str]) -> Ran:
    """Run `command`; raises RuntimeError with its last words when it fails."""
    begun = time.perf_counter()
    with subprocess.Popen(
        command, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        peak = [0]
        watcher = threading.Thread(target=_watch, args=(process, peak))
        watcher.start()
        output, errors = process.communicate()
        seconds = time.perf_counter() - begun
        watcher.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {errors[-2000:]}")
    return Ran(seconds, peak[0] / 1024, output)


def resident_mb(pid: int) -> float:
    """Return the resident MB of a process and of all below it."""
    return _tree_kb(pid) / 1024


def _watch(process: "subprocess.Popen[str]", peak: list[int]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], _tree_kb(process.pid))
        time.sleep(SAMPLE_S)


def _tree_kb(pid: int, field: str = "Rss:") -> int:
    """Resident kB of a process, and of all below it what they do not share: a fork shares all until it writes."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it has just ended
        return 0
    own = next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)
    return own + sum(_tree_kb(child, "Private_Dirty:") for child in children)
