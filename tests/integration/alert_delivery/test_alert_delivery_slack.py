"""Messages arrive, once, whatever Slack answers."""

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from alx_core.domain.messages import LONGEST_RETRY_S, Channel
from alx_core.services.delivery.outbox import Delivered
from alx_core.services.delivery.slack import SlackWebhook
from support.builders import NOW
from support.channels import SECRET_PATH, FakeSlack, fake_slack, nobody_listens
from support.office import Office


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
