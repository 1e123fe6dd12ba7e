"""What tests need of the machine: it is there, or the test is skipped, or fails where CI demands everything."""

import os
import shutil
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
