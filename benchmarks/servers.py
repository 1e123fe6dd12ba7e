"""Start a server of any kind for a benchmark, and stop it."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from support.stack import wait_for

START_S = 30


@contextmanager
def serving(command: Sequence[str], address: str, folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    """Run `command` once `address` answers; what it prints goes to `folder`."""
    with (folder / "servers.log").open("ab") as log:
        process = subprocess.Popen(command, env={**os.environ, **env}, cwd=folder, stdout=log, stderr=log)
    try:
        wait_for(lambda: _answers(address), timeout_s=START_S, describe=f"an answer of {address}")
        yield
    finally:
        process.terminate()
        process.wait()


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
