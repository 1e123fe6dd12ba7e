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

BESIDE_ONE_THAT_FAILS = f"""
import sys
from alx_cli.processes import Service, Supervisor

ill = Service("Ill", [sys.executable, "-c", "raise SystemExit(1)"], is_ready=lambda: False, is_awaited=False)
well = Service("Well", [sys.executable, "-c", {CHILD!r}])
Supervisor([ill, well], {{}}, lambda told: print(told, file=sys.stderr)).run(lambda: None)
"""


def test_one_that_nobody_waits_for_holds_back_nobody_when_it_fails() -> None:
    with subprocess.Popen([sys.executable, "-c", BESIDE_ONE_THAT_FAILS], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as parent:  # fmt: skip
        assert parent.stdout is not None
        assert parent.stderr is not None
        assert lives(int(parent.stdout.readline()))
        assert "Ill ended with exit code 1" in parent.stderr.readline()  # and is started again
        parent.terminate()


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
