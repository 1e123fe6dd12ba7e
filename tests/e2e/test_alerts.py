"""Alerts from end to end: a real daemon with its sensors, a Slack, a mail server, and a Moodle that goes away."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from alx_core.settings import Settings
from alx_pipeline.partitions import key_of, newest_complete_hour
from support.channels import FakeMailServer, FakeSlack, fake_mail_server, fake_slack
from support.databases import plain
from support.stack import Stack, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ARRIVES_WITHIN_S = 60
"""What an operator is promised, from the run's failure to the message."""


@contextmanager
def told(stack: Stack) -> Iterator[tuple[FakeSlack, FakeMailServer]]:
    """Slack and a mail server that the installation knows of."""
    with fake_slack() as slack, fake_mail_server() as mail:
        stack.environment = {
            **stack.environment,
            "ALX_SLACK_WEBHOOK_URL": slack.url,
            "ALX_SMTP_URL": f"smtp://127.0.0.1:{mail.port}",
            "ALX_ALERT_EMAILS": "ops@example.com",
        }
        yield slack, mail


Outage = Callable[[], Callable[[], None]]
"""Stops Moodle's database, and returns what starts it again."""


@pytest.fixture
def embedded_outage(embedded: Stack) -> tuple[Stack, Outage, str]:
    """The Moodle file is moved away."""
    path = Path(embedded.environment["ALX_MOODLE_URL"].removeprefix("sqlite:///"))
    away = path.with_suffix(".away")

    def stop() -> Callable[[], None]:
        path.rename(away)
        return lambda: shutil.move(away, path) and None

    return embedded, stop, "moodle.sqlite"


@pytest.fixture
def production_outage(production: Stack) -> Iterator[tuple[Stack, Outage, str]]:
    """MariaDB no longer knows the user that reads Moodle."""
    root = Settings(moodle_url=production.environment["ALX_MOODLE_URL"]).moodle
    server = create_engine(root, isolation_level="AUTOCOMMIT")
    user = f"alx_{uuid4().hex[:8]}"

    def run(*statements: str) -> None:
        with server.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def start() -> None:
        run(f"CREATE USER {user} IDENTIFIED BY 'reader'", f"GRANT SELECT ON {root.database}.* TO {user}")

    def stop() -> Callable[[], None]:
        run(f"DROP USER {user}")
        return start

    start()
    reader = root.set(username=user, password="reader")
    production.environment = {**production.environment, "ALX_MOODLE_URL": plain(reader)}
    yield production, stop, user
    run(f"DROP USER IF EXISTS {user}")
    server.dispose()


def run_status(stack: Stack, run_id: str) -> str:
    return next((run["status"] for run in stack.runs() if run["runId"] == run_id), "")


def ends(stack: Stack, run_id: str) -> str:
    """Wait for the end of a run; return how it ended."""

    def status() -> str:
        found = run_status(stack, run_id)
        return found if found in ("SUCCESS", "FAILURE") else ""

    return wait_for(status, timeout_s=120, describe="the run's end")


@pytest.mark.parametrize("kind", ["production"])  # `embedded` works too, and takes two minutes more
def test_a_moodle_that_is_gone_is_told_once_and_so_is_its_return(kind: str, request: pytest.FixtureRequest) -> None:
    stack, stop, cause = request.getfixturevalue(f"{kind}_outage")
    hour = key_of(newest_complete_hour())
    with told(stack) as (slack, mail):
        first = stack.alx("sync")
        assert first.returncode == 0, first.stderr
        start = stop()
        with stack.up():
            assert ends(stack, stack.launch_hour(hour)) == "FAILURE"
            failed_at = time.monotonic()
            wait_for(lambda: slack.taken and mail.taken, timeout_s=ARRIVES_WITHIN_S, describe="the failure's message")
            sys.stdout.write(f"told {time.monotonic() - failed_at:.1f} s after the failure\n")
            assert ends(stack, stack.launch_hour(hour)) == "FAILURE"
            start()
            assert ends(stack, stack.launch_hour(hour)) == "SUCCESS"
            wait_for(
                lambda: len(slack.taken) >= 2 and len(mail.taken) >= 2, timeout_s=60, describe="the recovery's message"
            )
        assert slack.headlines == ["The sync failed", "Over: The sync failed"]
        assert [each["Subject"] for each in mail.taken] == [
            "[ALX critical] The sync failed",
            "[ALX critical] Over: The sync failed",
        ]
        message = str(slack.taken[0]["blocks"])
        assert cause in message
        for company in ("acme", "beta", "gamma", "delta"):
            assert company in message
        assert f"http://127.0.0.1:{stack.dagit_port}/runs/" in message
        assert "No open alerts." in stack.alx("alerts", "list").stdout
