"""Messages arrive, once, whatever happens to the channels and whoever is killed on the way."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from alx_core.domain.messages import Channel
from alx_core.services.alerting import queue_test
from alx_core.services.delivery.outbox import LEASE_S, Delivered, deliver_due
from alx_core.services.delivery.slack import SlackWebhook
from alx_core.store.engine import transaction
from support import deliver_process as deliver_script
from support.builders import NOW
from support.channels import FakeMailServer, FakeSlack
from support.office import Office, mailer

DELIVER = str(Path(deliver_script.__file__))


def test_a_channel_that_is_down_does_not_keep_the_other_waiting(
    engine: Engine, slack: FakeSlack, mail: FakeMailServer
) -> None:
    slack.answers = [(500, {})] * 2
    office = Office(engine, {Channel.SLACK: SlackWebhook(slack.url), Channel.EMAIL: mailer(mail.port)})
    office.see("", "acme")
    assert office.deliver() == Delivered(delivered=2, failed=1)
    assert len(mail.taken) == 2
    assert office.deliver(after_s=5) == Delivered(failed=1)
    assert office.deliver(after_s=10) == Delivered(delivered=2)


def test_a_test_message_is_tried_once(office: Office, slack: FakeSlack) -> None:
    slack.answers = [(500, {})]
    with transaction(office.engine) as connection:
        queue_test(connection, [Channel.SLACK], link="", now=NOW)
    assert office.deliver() == Delivered(abandoned=1)
    assert office.deliver(after_s=3600) == Delivered()
    assert slack.taken == []


def test_no_try_begins_when_the_time_is_over(office: Office, slack: FakeSlack) -> None:
    office.see(*(str(number) for number in range(10)))
    ticks = iter(range(0, 1000, 6))
    done = deliver_due(
        office.engine, office.senders, clock=lambda: NOW, budget_s=15, monotonic=lambda: float(next(ticks))
    )
    assert done == Delivered(delivered=2)
    assert office.deliver() == Delivered(delivered=8)
    assert len(slack.taken) == 10


def test_many_who_deliver_at_the_same_time_deliver_each_message_once(office: Office, slack: FakeSlack) -> None:
    subjects = [str(number) for number in range(20)]
    office.see(*subjects)
    errors: list[Exception] = []

    def deliver() -> None:
        try:
            deliver_due(office.engine, office.senders, clock=lambda: NOW, budget_s=60)
        except Exception as error:  # noqa: BLE001  # whatever it is, the test reports it
            errors.append(error)

    threads = [threading.Thread(target=deliver) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(slack.taken) == len(subjects)
    assert {(row["state"], row["attempts"]) for row in office.rows()} == {("delivered", 1)}


def test_with_nothing_to_deliver_nobody_is_kept_waiting(office: Office) -> None:
    """On SQLite there is one place for a writer, and a sync may hold it for longer than a tick may take."""
    with transaction(office.engine):
        assert office.deliver() == Delivered()


# --- killed on the way ---


@contextmanager
def delivering(office: Office, slack: FakeSlack, pause: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that has stored the alert, up to its death."""
    url = office.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, DELIVER, url, slack.url, str(int(office.now)), pause]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(DELIVER).parent.parent)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "stored\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_killed_between_storing_and_sending_the_message_arrives_once(office: Office, slack: FakeSlack) -> None:
    with delivering(office, slack, "stored"):
        assert slack.taken == []
    office.see("")
    assert office.deliver(after_s=1) == Delivered(delivered=1)
    assert office.deliver(after_s=LEASE_S) == Delivered()
    assert slack.headlines == ["The sync failed"]


@pytest.mark.slow
def test_killed_while_slack_has_not_answered_the_message_arrives_once_when_the_lease_is_over(
    office: Office, slack: FakeSlack
) -> None:
    slack.answers = [(0, {})]
    with delivering(office, slack, "none"):
        deadline = time.monotonic() + 30
        while slack.refused == 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert office.deliver(after_s=LEASE_S - 1) == Delivered()
    assert office.deliver(after_s=1) == Delivered(delivered=1)
    assert slack.headlines == ["The sync failed"]
    assert office.row()["attempts"] == 2
