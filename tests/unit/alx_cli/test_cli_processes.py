"""Children of `alx up` live no longer than it does."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.stack import wait_for

CHILD = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
PARENT = f"""
import sys
from alx_cli.processes import Service, Supervisor

Supervisor([Service("A child", [sys.executable, "-c", {CHILD!r}])], {{}}, print).run(lambda: None)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_a_child_ends_when_its_supervisor_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert lives(child)
        parent.kill()
        wait_for(lambda: not lives(child), timeout_s=20, describe="the child's end")


def lives(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
