"""The process of a run: is it gone? One rule for the launcher, which a daemon asks, and for the start of `alx up`.

Dagster's event RUN_START names the process, the run's tag `alx/host` where that is.
"""

import os
import platform
from pathlib import Path

import dagster as dg
from dagster import DagsterEventType

HOST_TAG = "alx/host"
"""Where a run's process is; set before it starts, by the launcher and by `alx sync`."""


def this_host() -> str:
    """Return where a process id means something: this boot of this kernel, and this container of it.

    No host name: those of containers, and of machines made from one image, may be the same.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # no Linux
        return platform.node()


def is_gone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a run has lost its process: that is known to be gone, and the run has not ended.

    In doubt it is not, and `max_runtime` decides: when the process is elsewhere, when nobody noted where, and when
    another one has got its id since.
    """
    if run.tags.get(HOST_TAG) != this_host():
        return False
    pid = _pid_of(instance, run.run_id)
    if pid is None or _is_alive(pid):
        return False
    now = instance.get_run_by_id(run.run_id)  # a process that ended well has said so before
    return now is not None and not now.is_finished


def _pid_of(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The process that began to execute the run: the same event makes it STARTED, in a worker or in `alx sync`."""
    records = instance.get_records_for_run(run_id, of_type=DagsterEventType.RUN_START, limit=1).records
    event = records[0].event_log_entry.dagster_event if records else None
    return None if event is None else event.pid


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended and its parent, here the code server, has not asked how. See proc(5), `stat`."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # no Linux
        return False
    return stat.rpartition(")")[2].split()[0] == "Z"
