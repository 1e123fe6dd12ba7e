"""Becomes another program that ends with the process that started it: `python -m alx_cli.bound PARENT PROGRAM ...`.

On Linux the kernel ends it with SIGTERM when the parent is gone, even one killed with -9; elsewhere it stays.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Source: prctl(2), linux/prctl.h."""


def main(parent: int, command: list[str]) -> None:
    """Run `command` in the place of this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("The process that started this one is gone.")
    os.execvp(command[0], command)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
