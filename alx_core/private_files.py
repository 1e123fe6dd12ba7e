"""What is written to disk is for its user alone: learners' names, passwords in `.env`, tokens of the demo."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

PRIVATE = 0o077
"""The umask of every process of ours: no right for the group or for others."""


def make_files_private() -> None:
    """Take from here on the group's and all others' rights off what this process and its children make.

    Files and folders that are there keep theirs: an administrator may have made them for a group.
    """
    os.umask(PRIVATE)


def open_to_others(paths: Iterable[Path]) -> list[Path]:
    """Return those that every user of this machine may read: by their own rights, and by those of all folders above."""
    return [path for path in paths if _may_others(path, stat.S_IROTH) and _is_way_open(path)]


def _is_way_open(path: Path) -> bool:
    return all(_may_others(folder, stat.S_IXOTH) for folder in path.resolve().parents)


def _may_others(path: Path, right: int) -> bool:
    try:
        return bool(path.stat().st_mode & right)
    except OSError:  # not there, or this user itself does not get to it
        return False
