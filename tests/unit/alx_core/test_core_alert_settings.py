"""The settings of alerts: what is a channel, what is not, and that a secret never shows."""

import pytest
from pydantic import ValidationError

from alx_core.domain.messages import Channel
from alx_core.services.delivery.mail import MailServer
from alx_core.services.delivery.outbox import senders_of
from alx_core.settings import Settings

SECRET = "https://hooks.slack.com/services/T0/B0/s3cr3t"


def test_without_settings_there_is_no_channel() -> None:
    assert senders_of(Settings()) == {}


@pytest.mark.parametrize(
    ("given", "channels"),
    [
        ({"slack_webhook_url": SECRET}, {Channel.SLACK}),
        ({"smtp_url": "smtp://mail", "alert_emails": "a@b.c"}, {Channel.EMAIL}),
        ({"smtp_url": "smtp://mail"}, set()),
        ({"slack_webhook_url": "", "smtp_url": "", "alert_emails": ""}, set()),
        ({"alert_emails": "a@b.c"}, set()),
        ({"slack_webhook_url": SECRET, "smtp_url": "smtps://mail", "alert_emails": "a@b.c, d@e.f"}, set(Channel)),
    ],
)
def test_a_channel_is_there_when_all_of_it_is_set(given: dict[str, str], channels: set[Channel]) -> None:
    assert senders_of(Settings(**given)).keys() == channels


@pytest.mark.parametrize(
    "given",
    [
        {"slack_webhook_url": "hooks.slack.com/services/s3cr3t"},
        {"slack_webhook_url": "ftp://hooks/s3cr3t"},
        {"slack_webhook_url": "https:///s3cr3t"},
        {"slack_webhook_url": "smtp://hooks/s3cr3t"},
        {"smtp_url": "mail.example.com"},
        {"smtp_url": "https://mail.example.com"},
        {"smtp_url": "smtp://user:s3cr3t@mail:port"},
        {"alert_emails": "not an address"},
        {"alert_emails": "a@b.c,\nBcc: d@e.f"},
        {"alert_from": "<alx@b.c>"},
        {"alert_from": ""},
        {"alert_from": "a@b.c, d@e.f"},
        {"run_retention_days": 1},
        {"alert_cooldown_minutes": 0},
    ],
    ids=str,
)
def test_what_can_not_work_is_refused_and_does_not_show(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**given)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "port"), [("smtp://m", 25), ("starttls://m", 587), ("smtps://m", 465), ("smtp://m:2525", 2525)]
)
def test_a_mail_servers_port_is_that_of_its_scheme_unless_it_is_named(url: str, port: int) -> None:
    assert MailServer.from_url(url).port == port


def test_a_mail_servers_user_and_password_may_be_percent_encoded() -> None:
    server = MailServer.from_url("smtps://ops%40example.com:p%2Fw@mail")
    assert (server.user, server.password) == ("ops@example.com", "p/w")
    assert "p/w" not in repr(server)
    assert SECRET not in repr(Settings(slack_webhook_url=SECRET))


def test_links_lead_to_where_people_reach_the_installation() -> None:
    assert Settings().dagster_link == "http://127.0.0.1:3000"
    assert Settings(dagster_url="https://dagit.example.com/").dagster_link == "https://dagit.example.com"
    assert Settings(public_url="https://alx.example.com/").public_link == "https://alx.example.com"
