"""What a message says on each channel."""

import pytest

from alx_core.domain.alerts import AlertName, MessageKind, Severity
from alx_core.domain.messages import Message
from alx_core.services.delivery.mail import compose
from alx_core.services.delivery.slack import payload

REFUSED = "10 of 10 calls of the day. Its calls are refused until 2026-11-30 00:00 UTC."


def make_message(kind: MessageKind) -> Message:
    return Message(
        kind=kind, alert=AlertName.RATE_LIMIT_EXCEEDED, alert_id=13, severity=Severity.CRITICAL, subject="acme",
        title="acme has used its quota", message=REFUSED, recommendation="Raise it.", link="", opened_at=0, at=9,
    )  # fmt: skip


def texts(message: Message) -> list[str]:
    """What Slack and the mail show below the headline."""
    mail = compose(message, 1, sender="alx@example.com", recipients=["ops@example.com"]).get_body(("plain",))
    assert mail is not None
    return [payload(message)["blocks"][1]["text"]["text"], mail.get_content()]


@pytest.mark.parametrize("kind", [MessageKind.OPENED, MessageKind.REMINDER])
def test_a_message_of_an_open_incident_says_what_is_the_case(kind: MessageKind) -> None:
    assert all(REFUSED in text and "It was: " not in text for text in texts(make_message(kind)))


def test_the_message_of_an_end_does_not_say_that_it_is_still_the_case() -> None:
    """A raised quota was told as "Over", and below it "Its calls are refused until ..."."""
    assert all(f"It was: {REFUSED}" in text for text in texts(make_message(MessageKind.RECOVERED)))
