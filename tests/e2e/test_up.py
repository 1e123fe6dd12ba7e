"""`alx up` itself: what starts first, what it costs a server while nothing happens, and what it says."""

import json
import re
import socket
import time
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from alx_pipeline.partitions import key_of, newest_complete_hour
from support.stack import Stack, wait_for

pytestmark = pytest.mark.slow

SECONDS = 10
WITHOUT_POOL = 12
"""So many connections a second does Dagster open when it keeps none."""


def answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_the_api_answers_before_dagit_does_and_until_after_it_is_gone(embedded: Stack) -> None:
    stack = embedded
    stack.process = stack.start("up")
    wait_for(lambda: answers(stack.api_port), timeout_s=60, describe="the API's start")
    assert not answers(stack.dagit_port)
    wait_for(lambda: answers(stack.dagit_port), timeout_s=60, describe="Dagit's start")
    modules = Path(f"/proc/{stack.process.pid}/maps").read_text()  # compiled ones are there to be seen
    assert "sqlalchemy" in modules
    assert "grpc" not in modules  # Dagster has come and gone
    stack.process.terminate()
    while True:
        api_answers = answers(stack.api_port)  # asked first: what stops in between stops in the right order
        if not answers(stack.dagit_port):
            break
        assert api_answers
    stack.stop()
    assert not answers(stack.api_port)


def connections_opened(stack: Stack) -> int:
    """How many connections the reporting database is asked for in so many seconds."""
    engine = create_engine(stack.env()["ALX_DATABASE_URL"], poolclass=NullPool)
    counts = []
    for seconds in (0, SECONDS):
        time.sleep(seconds)
        with engine.connect() as connection:
            query = text("SELECT sessions FROM pg_stat_database WHERE datname = current_database()")
            counts.append(int(connection.scalar(query) or 0))
    return counts[1] - counts[0]


def has_synced(stack: Stack) -> bool:
    return any(run["jobName"] == "hourly_sync" and run["status"] == "SUCCESS" for run in stack.runs())


def test_dagsters_daemon_keeps_its_connections_and_runs_tell_no_more_than_what_they_did(production: Stack) -> None:
    stack = production
    with stack.up():
        few = SECONDS * WITHOUT_POOL / 2  # should a run of the schedule open more, the next look will do
        wait_for(lambda: connections_opened(stack) < few, timeout_s=120, describe="a quiet while")
        stack.launch_hour(key_of(newest_complete_hour()))
        # By this `alx_pipeline.kept_connections` tells a run, which keeps its connections, from the code server.
        wait_for(lambda: stack.pids_of("multiprocessing.spawn"), timeout_s=60, describe="the run's own process")
        wait_for(lambda: has_synced(stack), timeout_s=90, describe="the run's end")
    said = [line for line in stack.log.splitlines() if not re.match(r"\[.*\] \[INFO\]", line)]  # gunicorn's own
    events = {json.loads(line)["event"] for line in said if line.startswith("{")}
    assert {event for event in events if not event.startswith("No cursor")} == {"sync_done"}  # that at its first start
    assert not [line for line in said if "\x1b" in line or "DEBUG" in line or "sensor" in line]
