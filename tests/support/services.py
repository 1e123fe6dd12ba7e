"""What tests need of the machine: it is there, or the test is skipped, or fails where CI demands everything."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import NoReturn

import pytest

REQUIRED = os.environ.get("ALX_TEST_REQUIRE_SERVICES") == "1"


def is_missing(message: str) -> NoReturn:
    """Skip the test, or fail it where CI demands everything; `message` says what is missing and how to get it."""
    if REQUIRED:
        pytest.fail(message)
    pytest.skip(message)


def find_program(name: str, *, package: str) -> str:
    """Return the path of a program, wherever Debian has it."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    return path or is_missing(f"no {name} on this machine (apt-get install {package})")


def wait_until_it_listens(port: int, process: "subprocess.Popen[bytes]", log: Path, *, timeout_s: float = 30) -> None:
    """Wait for a program that was started; fail the test with what it printed into `log` when it ends instead."""
    give_up = time.monotonic() + timeout_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < give_up, f"nobody listens on port {port}"
            time.sleep(0.05)
        else:
            return
