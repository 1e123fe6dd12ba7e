"""Logs: one line per event on stderr, nobody's secrets in it."""

import json
import subprocess
import sys
from typing import Any

import pytest
import structlog

from alx_core.logs import SECRET_NAMES, blot_secrets

SECRET = "hunter2"


@pytest.mark.parametrize("name", sorted(SECRET_NAMES))
def test_a_secret_is_blotted_out(name: str) -> None:
    event = blot_secrets(structlog.get_logger(), "info", {"event": "seen", name: SECRET, "userid": 7})
    assert event == {"event": "seen", name: "***", "userid": 7}


def test_an_event_without_secrets_is_left_alone() -> None:
    event = {"event": "sync_done", "run_id": 3, "seconds": 0.5}
    assert blot_secrets(structlog.get_logger(), "info", dict(event)) == event


SCRIPT = """
import structlog
from alx_core.logs import configure_logs
configure_logs({style!r}, level={level})
log = structlog.get_logger()
log.info("seen", userid=7, token={secret!r})
log.warning("odd", password={secret!r})
try:
    1 / 0
except ZeroDivisionError:
    log.exception("broken", email={secret!r})
"""


def written(style: str, level: int = 20) -> tuple[str, str]:
    """What a process with these logs writes: stdout, stderr."""
    script = SCRIPT.format(style=style, level=level, secret=SECRET)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout, done.stderr


def test_json_logs_are_one_object_a_line_on_stderr_without_secrets() -> None:
    stdout, stderr = written("json")
    events: list[dict[str, Any]] = [json.loads(line) for line in stderr.splitlines()]
    assert stdout == ""
    assert [(each["event"], each["level"]) for each in events] == [
        ("seen", "info"),
        ("odd", "warning"),
        ("broken", "error"),
    ]
    assert events[0]["userid"] == 7
    assert events[0]["timestamp"].endswith("Z")
    assert "ZeroDivisionError" in events[2]["exception"]
    assert SECRET not in stderr


def test_text_logs_leave_out_what_is_below_the_level_and_hold_no_secrets() -> None:
    stdout, stderr = written("text", level=30)
    assert (stdout, "seen" in stderr, "odd" in stderr, "broken" in stderr) == ("", False, True, True)
    assert SECRET not in stderr
