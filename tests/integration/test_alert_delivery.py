"""Messages arrive, once, whatever Slack and the mail server answer, and whoever is killed on the way."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select
from structlog.testing import capture_logs

from alx_core.domain.alerts import AlertName, Judgement, Observation, Severity
from alx_core.domain.messages import LONGEST_RETRY_S, Channel
from alx_core.services.alerting import Policy, queue_test, take_in
from alx_core.services.delivery.mail import Mailer, MailServer
from alx_core.services.delivery.outbox import LEASE_S, Delivered, deliver_due
from alx_core.services.delivery.slack import SlackWebhook
from alx_core.store.engine import transaction
from alx_core.store.outbox import list_deliveries
from alx_core.store.tables import alerts
from support import deliver_process as deliver_script
from support.builders import NOW
from support.channels import SECRET_PATH, FakeMailServer, FakeSlack, fake_mail_server, fake_slack, nobody_listens
from support.reporting_databases import migrated_engine

DELIVER = str(Path(deliver_script.__file__))
JUDGED = frozenset({AlertName.SYNC_FAILED})


def make_observation(**overrides: Any) -> Observation:
    plain = Observation(
        AlertName.SYNC_FAILED,
        Severity.CRITICAL,
        title="The sync failed",
        message="It failed for every company: acme. Cause: Moodle is down",
        recommendation="Start Moodle",
        link="http://dagit/runs/1",
    )
    return replace(plain, **overrides)


@dataclass
class Office:
    """A reporting database with its outbox, a clock, and whoever is to be told."""

    engine: Engine
    senders: dict[Channel, Any]
    now: float = NOW

    def see(self, *subjects: str, **overrides: Any) -> None:
        """Take in a look that found the alert for these subjects; none: all is well."""
        judgement = Judgement(JUDGED, [make_observation(subject=each, **overrides) for each in subjects])
        with transaction(self.engine) as connection:
            take_in(connection, judgement, Policy(self.senders.keys(), cooldown_s=3600), now=int(self.now))

    def deliver(self, *, after_s: float = 0) -> Delivered:
        self.now += after_s
        return deliver_due(self.engine, self.senders, clock=lambda: self.now, jitter=lambda: 0.0)

    def rows(self) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return list_deliveries(connection, connection.execute(select(alerts.c.id)).scalars().all())

    def row(self) -> dict[str, Any]:
        (only,) = self.rows()
        return only


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("outbox")) as made:
        yield made


@pytest.fixture
def engine(database: Engine) -> Engine:
    """A database in which nothing was ever told."""
    with transaction(database) as connection:
        connection.execute(delete(alerts))  # and with them their messages
    return database


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[FakeMailServer]:
    with fake_mail_server() as server:
        yield server


@pytest.fixture
def office(engine: Engine, slack: FakeSlack) -> Office:
    """An office that is told by Slack."""
    return Office(engine, {Channel.SLACK: SlackWebhook(slack.url)})


def mailer(port: int, *recipients: str, url: str = "smtp://127.0.0.1:{port}") -> Mailer:
    server = MailServer.from_url(url.format(port=port))
    return Mailer(server, sender="alx@example.com", recipients=recipients or ("ops@example.com",), timeout_s=2)


# --- Slack ---


def test_a_message_arrives_once_with_all_that_it_has_to_say(office: Office, slack: FakeSlack) -> None:
    office.see("")
    assert office.deliver() == Delivered(delivered=1)
    for _ in range(3):
        office.see("")
        assert office.deliver(after_s=60) == Delivered()
    (message,) = slack.taken
    text = str(message["blocks"])
    assert slack.headlines == ["The sync failed"]
    for part in ("Moodle is down", "Start Moodle", "<http://dagit/runs/1|", "sync_failed", "critical"):
        assert part in text


def test_the_end_arrives_after_the_beginning(office: Office, slack: FakeSlack) -> None:
    office.see("")
    office.see()
    office.deliver()
    assert slack.headlines == ["The sync failed", "Over: The sync failed"]


def test_the_end_never_overtakes_a_beginning_that_slack_did_not_take(office: Office, slack: FakeSlack) -> None:
    slack.answers = [(500, {})]
    office.see("")
    assert office.deliver() == Delivered(failed=1)
    office.see()
    assert office.deliver(after_s=4) == Delivered()
    assert office.deliver(after_s=1) == Delivered(delivered=2)
    assert slack.headlines == ["The sync failed", "Over: The sync failed"]


def test_text_from_outside_can_neither_mention_anybody_nor_forge_a_link(office: Office, slack: FakeSlack) -> None:
    office.see("", message="<!channel> & <http://evil|here>")
    office.deliver()
    text = slack.taken[0]["blocks"][1]["text"]["text"]
    assert "&lt;!channel&gt; &amp; &lt;http://evil|here&gt;" in text
    assert "<" not in text


def test_texts_that_are_too_long_for_slack_are_cut(office: Office, slack: FakeSlack) -> None:
    office.see("", title="t" * 500, message="m" * 5000)
    office.deliver()
    header, section = slack.taken[0]["blocks"][:2]
    assert len(header["text"]["text"]) == 150
    assert len(section["text"]["text"]) == 3000


@pytest.mark.parametrize("answer", [(500, {}), (503, {}), (429, {}), (408, {})])
def test_what_slack_can_not_take_now_arrives_once_when_it_can(
    office: Office, slack: FakeSlack, answer: tuple[int, dict[str, str]]
) -> None:
    slack.answers = [answer] * 3
    office.see("")
    for after_s in (0, 5, 10):
        assert office.deliver(after_s=after_s) == Delivered(failed=1)
    assert office.deliver(after_s=19) == Delivered()  # the third wait is of twenty seconds
    assert office.deliver(after_s=1) == Delivered(delivered=1)
    assert slack.headlines == ["The sync failed"]
    assert (office.row()["attempts"], office.row()["state"]) == (4, "delivered")


def test_slack_is_not_asked_again_before_it_said_so(office: Office, slack: FakeSlack) -> None:
    slack.answers = [(429, {"Retry-After": "120"})]
    office.see("", "acme")
    assert office.deliver() == Delivered(failed=1)
    for after_s in (60, 59):
        assert office.deliver(after_s=after_s) == Delivered()
    assert slack.refused == 1
    assert office.deliver(after_s=1) == Delivered(delivered=2)


def test_a_slack_that_never_answers_is_given_up_on_and_asked_again(engine: Engine, slack: FakeSlack) -> None:
    office = Office(engine, {Channel.SLACK: SlackWebhook(slack.url, timeout_s=0.3)})
    slack.answers = [(0, {})]
    office.see("")
    assert office.deliver() == Delivered(failed=1)
    assert office.row()["last_error"] == "Slack did not answer: timed out"
    assert office.deliver(after_s=5) == Delivered(delivered=1)
    assert slack.headlines == ["The sync failed"]


def test_a_slack_that_is_down_for_a_day_is_told_once_when_it_is_back(engine: Engine) -> None:
    port = nobody_listens()
    office = Office(engine, {Channel.SLACK: SlackWebhook(f"http://127.0.0.1:{port}{SECRET_PATH}")})
    for _ in range(24 * 6):
        office.see("")
        office.deliver(after_s=600)
    assert "Connection refused" in office.row()["last_error"]
    with fake_slack(port) as slack:
        office.deliver(after_s=LONGEST_RETRY_S)
        assert slack.headlines == ["The sync failed"]
        office.see()
        office.deliver()
        assert slack.headlines == ["The sync failed", "Over: The sync failed"]


@pytest.mark.parametrize("status", [400, 403, 404, 410, 302])
def test_what_slack_refuses_for_good_is_given_up_and_shown(office: Office, slack: FakeSlack, status: int) -> None:
    slack.answers = [(status, {"Location": "http://127.0.0.1/elsewhere"})]
    office.see("")
    assert office.deliver() == Delivered(abandoned=1)
    assert office.deliver(after_s=3600) == Delivered()
    assert (office.row()["state"], office.row()["last_error"]) == (
        "abandoned",
        f"Slack refused it: HTTP {status} no_service",
    )
    assert slack.refused == 1


def test_the_webhooks_address_is_nowhere_but_in_the_request(engine: Engine, slack: FakeSlack) -> None:
    gone = f"http://127.0.0.1:{nobody_listens()}{SECRET_PATH}"
    nowhere = f"http://no-such-host.invalid{SECRET_PATH}"
    slack.answers = [(404, {}), (500, {}), (0, {})]
    with capture_logs() as logs:
        for number, url in enumerate([slack.url, slack.url, slack.url, gone, nowhere]):
            office = Office(engine, {Channel.SLACK: SlackWebhook(url, timeout_s=0.3)}, now=NOW + 10_000 * number)
            office.see(f"company {number}")
            office.deliver()
    everything = f"{logs} {office.rows()}"
    assert len(logs) >= 10
    assert "s3cr3t" not in everything
    assert "/services/" not in everything


# --- e-mail ---


def test_an_e_mail_arrives_once_for_all_recipients_as_text_and_as_html(engine: Engine, mail: FakeMailServer) -> None:
    office = Office(engine, {Channel.EMAIL: mailer(mail.port, "ops@example.com", "boss@example.com")})
    office.see("", message="<b>Łukasz & co</b>")
    assert office.deliver() == Delivered(delivered=1)
    assert office.deliver(after_s=60) == Delivered()
    (taken,) = mail.taken
    assert mail.recipients == [["ops@example.com", "boss@example.com"]]
    assert taken["Subject"] == "[ALX critical] The sync failed"
    assert taken["To"] == "ops@example.com, boss@example.com"
    text, html = (part.get_content() for part in taken.iter_parts())
    assert "<b>Łukasz & co</b>" in text
    assert "What to do: Start Moodle" in text
    assert "&lt;b&gt;Łukasz &amp; co&lt;/b&gt;" in html
    assert '<a href="http://dagit/runs/1">' in html


def test_a_title_can_not_add_a_header(engine: Engine, mail: FakeMailServer) -> None:
    office = Office(engine, {Channel.EMAIL: mailer(mail.port)})
    office.see("", title="a\r\nBcc: x@example.com")
    assert office.deliver() == Delivered(delivered=1)
    assert mail.taken[0]["Bcc"] is None
    assert mail.recipients == [["ops@example.com"]]


@pytest.mark.parametrize(
    "answers",
    [
        {"RCPT": ["451 later"]},
        {"DATA": ["421 busy"]},
        {"END": ["452 full"]},
        {"MAIL": ["450 later"]},
        {"RCPT": ["450 greylisted"]},
    ],
    ids=str,
)
def test_what_the_mail_server_can_not_take_now_arrives_once_when_it_can(
    engine: Engine, mail: FakeMailServer, answers: dict[str, list[str]]
) -> None:
    mail.answers = deepcopy(answers)
    office = Office(engine, {Channel.EMAIL: mailer(mail.port)})
    office.see("")
    assert office.deliver() == Delivered(failed=1)
    assert office.deliver(after_s=5) == Delivered(delivered=1)
    assert len(mail.taken) == 1


@pytest.mark.parametrize("answers", [{"RCPT": ["550 unknown"]}, {"END": ["554 spam"]}], ids=str)
def test_what_the_mail_server_refuses_for_good_is_given_up_and_shown(
    engine: Engine, mail: FakeMailServer, answers: dict[str, list[str]]
) -> None:
    mail.answers = deepcopy(answers)
    office = Office(engine, {Channel.EMAIL: mailer(mail.port)})
    office.see("")
    assert office.deliver() == Delivered(abandoned=1)
    assert "The mail server refused it: 55" in office.row()["last_error"]


def test_one_wrong_recipient_does_not_keep_the_others_waiting_and_is_noted(
    engine: Engine, mail: FakeMailServer
) -> None:
    mail.answers = {"RCPT": ["550 unknown"]}
    office = Office(engine, {Channel.EMAIL: mailer(mail.port, "gone@example.com", "ops@example.com")})
    office.see("")
    assert office.deliver() == Delivered(delivered=1)
    assert mail.recipients == [["ops@example.com"]]
    assert office.row()["last_error"] == "refused for 1 of 2 recipients"


def test_an_odd_farewell_does_not_make_a_message_go_out_twice(engine: Engine, mail: FakeMailServer) -> None:
    mail.answers = {"QUIT": ["500 what?"]}
    office = Office(engine, {Channel.EMAIL: mailer(mail.port)})
    office.see("")
    assert office.deliver() == Delivered(delivered=1)


def test_a_password_never_goes_out_in_the_clear(engine: Engine, mail: FakeMailServer) -> None:
    sender = mailer(mail.port, url="smtp://user:secret@127.0.0.1:{port}")
    office = Office(engine, {Channel.EMAIL: sender})
    office.see("")
    assert office.deliver() == Delivered(failed=1)
    assert "STARTTLS" in office.row()["last_error"]
    assert "AUTH" not in mail.said
    assert "secret" not in repr(sender._server)


def test_where_starttls_is_demanded_nothing_goes_out_without_it(engine: Engine, mail: FakeMailServer) -> None:
    office = Office(engine, {Channel.EMAIL: mailer(mail.port, url="starttls://127.0.0.1:{port}")})
    office.see("")
    assert office.deliver() == Delivered(failed=1)
    assert "MAIL" not in mail.said


# --- both ---


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
