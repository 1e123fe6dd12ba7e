"""The API as a process: alone as `alx api`, beside Dagster as `alx up`, stopped, killed, and refused a taken port."""

import json
import os
import signal
import stat
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from alx_cli.api_process import api_command
from support.stack import Stack, free_port, wait_for

pytestmark = pytest.mark.slow

FUNCTION = "local_alx_report_api_get_course_progress"


def ask(stack: Stack, token: str) -> object:
    """Ask for two rows as a report does; None when nobody answers."""
    form = {"wstoken": token, "wsfunction": FUNCTION, "moodlewsrestformat": "json", "limit": "2"}
    url = f"http://127.0.0.1:{stack.api_port}/webservice/rest/server.php"
    try:
        with urllib.request.urlopen(
            url, urllib.parse.urlencode(form).encode(), timeout=10
        ) as response:  # our own server
            return json.load(response)
    except OSError:
        return None


def gunicorn_masters(stack: Stack) -> list[int]:
    """The gunicorn processes of the installation whose parent is none of them."""
    parents = {}
    for pid in stack.pids():
        folder = Path(f"/proc/{pid}")
        try:
            if b"gunicorn" in (folder / "cmdline").read_bytes():
                parents[pid] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return [pid for pid, parent in parents.items() if parent not in parents]


def test_alx_api_serves_an_empty_installation_and_ends_when_told(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "home", {})
    process = stack.start("api")
    try:
        refused = wait_for(lambda: ask(stack, "0" * 32), timeout_s=60, describe="the API's start")
        assert refused == {
            "exception": "moodle_exception",
            "errorcode": "invalidtoken",
            "message": "Invalid token - token not found",
        }
        assert "is up to date" in stack.alx("migrate").stdout
        second = stack.alx("api")
        assert (second.returncode, second.stdout) == (1, "")
        assert f"127.0.0.1:{stack.api_port} is in use" in second.stderr
        assert "ALX_API_BIND" in second.stderr
        # A service manager signals the process that it started: that one must be gunicorn itself.
        assert gunicorn_masters(stack) == [process.pid]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert stack.pids() == []
    finally:
        stack.kill()
        process.wait(10)


def test_alx_up_serves_the_api_beside_dagster_and_brings_a_killed_one_back(embedded: Stack) -> None:
    stack = embedded
    assert stack.alx("sync").returncode == 0
    made = stack.alx("token", "create", "--company", "acme")
    token = made.stdout.strip()
    with stack.up():
        rows = wait_for(lambda: ask(stack, token), timeout_s=60, describe="the API's start")
        assert isinstance(rows, list)
        assert [row["userid"] for row in rows] != []
        (master,) = gunicorn_masters(stack)
        os.kill(master, signal.SIGKILL)
        wait_for(lambda: master not in gunicorn_masters(stack), timeout_s=30, describe="the API's end")
        assert wait_for(lambda: ask(stack, token), timeout_s=60, describe="the API's return") == rows
    wait_for(lambda: stack.pids() == [], timeout_s=30, describe="the end of all processes")
    assert token not in (stack.home.parent / "alx.log").read_text(encoding="utf-8", errors="replace")


def test_alx_up_refuses_a_taken_api_port_before_it_starts_anything(embedded: Stack) -> None:
    stack = embedded
    api = stack.start("api")
    try:
        wait_for(lambda: ask(stack, "x"), timeout_s=60, describe="the API's start")
        refused = stack.alx("up")
        assert refused.returncode == 1
        assert "ALX_API_BIND" in refused.stderr
        other = Stack(stack.home, {**stack.environment, "ALX_DAGSTER_BIND": f"127.0.0.1:{stack.api_port}"})
        other.api_port = free_port()
        refused = other.alx("up")
        assert refused.returncode == 1
        assert "ALX_DAGSTER_BIND" in refused.stderr
        assert gunicorn_masters(stack) == [api.pid]
    finally:
        api.send_signal(signal.SIGTERM)
        api.wait(30)


def test_a_gunicorn_that_was_started_without_alx_keeps_its_files_private_too(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "home", {})
    assert stack.alx("migrate").returncode == 0
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(api_command(), env=stack.env(), cwd=tmp_path, umask=0o000, stdout=log, stderr=log)
    try:
        wait_for(lambda: ask(stack, "0" * 32) is not None, timeout_s=60, describe="the API's start")
        made = [*stack.home.rglob("*")]
        assert any(each.is_file() and each.parent.name == "journal" for each in made)
        assert [each for each in made if stat.S_IMODE(each.stat().st_mode) & 0o077] == []
    finally:
        process.terminate()
        process.wait(60)
