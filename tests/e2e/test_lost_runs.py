"""Runs whose process is killed while `alx up` goes on: nobody may be left waiting for them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from alx_core.settings import Settings
from alx_core.store.locks import writer_lock
from alx_pipeline.partitions import key_of, newest_complete_hour
from support.databases import SERVERS
from support.stack import Stack, wait_for, with_suppressed_kill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CODE_SERVER = "dagster api grpc"
WORKER = "multiprocessing.spawn"
NOTICED_WITHIN_S = 180
"""Dagster's monitoring looks twice, every 5 s; `ALX_SYNC_MAX_RUNTIME_S`, which ends it otherwise, is half an hour."""

LOOKS_S = 16
"""Three such looks, of which Dagster's log at the level of `alx up` says nothing."""


@contextmanager
def syncs_held(stack: Stack) -> Iterator[None]:
    """Have every sync wait for the writer's lock."""
    engine = create_engine(Settings(home=stack.home, database_url=stack.env().get("ALX_DATABASE_URL")).database)
    with writer_lock(engine, timeout_s=0):
        yield
    engine.dispose()


def kill(stack: Stack, words: str) -> None:
    pids = stack.pids_of(words)
    assert pids, f"no process {words}"
    for pid in pids:
        with_suppressed_kill(pid)


def syncs(stack: Stack) -> list[dict[str, Any]]:
    """The runs that a test began, and their second tries: not those of the schedule, should it be five past."""
    runs = [run for run in stack.runs() if run["jobName"] == "hourly_sync"]
    return [run for run in runs if "dagster/schedule_name" not in run["tags"]]


def statuses(stack: Stack) -> list[str]:
    return [run["status"] for run in syncs(stack)]


def launch_held(stack: Stack) -> None:
    stack.launch_hour(key_of(newest_complete_hour()))
    wait_for(lambda: statuses(stack) == ["STARTED"], timeout_s=90, describe="the run's start")


def assert_begun_again(stack: Stack) -> None:
    wait_for(
        lambda: statuses(stack) == ["SUCCESS", "FAILURE"], timeout_s=NOTICED_WITHIN_S, describe="the run's second try"
    )
    assert stack.partitions()["partitionStats"] == {"numMaterialized": 1, "numFailed": 0}


def test_a_run_killed_together_with_the_code_server_is_begun_again(embedded: Stack) -> None:
    stack = embedded
    assert stack.alx("migrate").returncode == 0
    with stack.up():
        with syncs_held(stack):
            launch_held(stack)
            kill(stack, CODE_SERVER)  # first: it would notice within a second
            kill(stack, WORKER)
        assert_begun_again(stack)


@contextmanager
def refused(stack: Stack) -> Iterator[None]:
    """Let nobody connect to the reporting database, which is Dagster's too; connections that are open stay."""
    name = Settings(database_url=stack.environment["ALX_DATABASE_URL"]).database.database
    server = create_engine(SERVERS["postgresql"], isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        try:
            yield
        finally:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    server.dispose()


def test_a_run_killed_while_dagsters_database_refuses_connections_is_begun_again(production: Stack) -> None:
    stack = production
    assert stack.alx("migrate").returncode == 0
    with stack.up():
        with syncs_held(stack):
            launch_held(stack)
            with refused(stack):
                kill(stack, WORKER)
                wait_for(
                    lambda: "Exception in thread grpc-server-cleanup" in stack.log,
                    timeout_s=60,
                    describe="the end of the thread in which Dagster's code server looks after its workers",
                )
        assert_begun_again(stack)


def test_an_alx_sync_is_left_alone_while_it_lives_and_holds_back_nobody_when_it_is_killed(embedded: Stack) -> None:
    stack = embedded
    assert stack.alx("migrate").returncode == 0
    with stack.up():
        with syncs_held(stack):
            command = stack.start("sync")
            wait_for(lambda: statuses(stack) == ["STARTED"], timeout_s=90, describe="the sync's start")
            time.sleep(LOOKS_S)
            assert statuses(stack) == ["STARTED"]
            command.kill()
            command.wait()
        stack.launch_hour(key_of(newest_complete_hour()))
        wait_for(lambda: statuses(stack) == ["SUCCESS", "FAILURE"], timeout_s=NOTICED_WITHIN_S, describe="the next run")
