"""What processes cost: how long a command took, and what memory and processor time a tree of them had (Linux)."""

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


def proportional_mb(pid: int) -> float:
    """Return the MB of one process, of pages that several share its part (PSS)."""
    return _field_kb(pid, "Pss:") / 1024


def cpu_s(pid: int) -> float:
    """Return the processor seconds of a process and of those of its children that have ended; 0 when it has itself."""
    return sum(map(int, _stat(pid)[11:15])) / os.sysconf("SC_CLK_TCK")


def parent(pid: int) -> int:
    """Return the process that started another. Raises ProcessLookupError: that one is not on this machine."""
    if not (stat := _stat(pid)):
        raise ProcessLookupError(f"process {pid} is not on this machine")
    return int(stat[1])


def tree(pid: int) -> list[int]:
    """Return a process and all below it that are there now."""
    return [pid, *(each for child in _children(pid) for each in tree(child))]


def _watch(process: "subprocess.Popen[str]", peak: list[int]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], _tree_kb(process.pid))
        time.sleep(SAMPLE_S)


def _tree_kb(pid: int, field: str = "Rss:") -> int:
    """Resident kB of a process, and of all below it what they do not share: a fork shares all until it writes."""
    return _field_kb(pid, field) + sum(_tree_kb(child, "Private_Dirty:") for child in _children(pid))


def _field_kb(pid: int, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it has just ended
        return []


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name: state, parent, ..."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return []
