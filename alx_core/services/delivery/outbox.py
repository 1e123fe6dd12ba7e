"""Take what is due out of the outbox and send it, one message at a time, for a bounded time.

A message is claimed in one transaction, sent outside of any, and its fate written in another. Between "the channel
took it" and "written down" a process can die: then the message goes out a second time when the lease is over. Nothing
can rule that out without the channel's help; e-mails carry the same Message-ID both times.
"""

import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Engine

from alx_core.clock import Clock
from alx_core.domain.alerts import MessageKind
from alx_core.domain.messages import Channel, Message, retry_in_s
from alx_core.errors import DeliveryFailed, DeliveryRefused
from alx_core.logs import get_logger
from alx_core.services.delivery.mail import Mailer, MailServer
from alx_core.services.delivery.slack import SlackWebhook
from alx_core.settings import Settings, split_list
from alx_core.store.engine import connect, transaction
from alx_core.store.outbox import Delivery, claim, hold_back, is_due, note_abandoned, note_delivered, note_failed

log = get_logger()

LEASE_S = 60
"""How long a claimed message is nobody else's: longer than a try. An e-mail's ends within 40 seconds of its first word
to the server: `mail.TRY_S`, then the answers to DATA and to the farewell."""
BUDGET_S = 15.0
"""No further try begins after so many seconds: with the last one a tick stays below 60, when Dagster ends it."""


class Sender(Protocol):
    """A channel. Returns a remark, or raises DeliveryFailed or DeliveryRefused."""

    def send(self, message: Message, delivery_id: int, /) -> str | None:
        """Send one message."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was done with the outbox, by count of messages."""

    delivered: int = 0
    failed: int = 0
    abandoned: int = 0


def senders_of(settings: Settings) -> dict[Channel, Sender]:
    """Return the channels that are configured."""
    senders: dict[Channel, Sender] = {}
    if settings.slack_webhook_url is not None:
        senders[Channel.SLACK] = SlackWebhook(settings.slack_webhook_url.get_secret_value())
    recipients = split_list(settings.alert_emails)
    if settings.smtp_url is not None and recipients:
        server = MailServer.from_url(settings.smtp_url.get_secret_value())
        senders[Channel.EMAIL] = Mailer(server, sender=settings.alert_from, recipients=recipients)
    return senders


def deliver_due(
    engine: Engine,
    senders: Mapping[Channel, Sender],
    *,
    clock: Clock,
    budget_s: float = BUDGET_S,
    jitter: Callable[[], float] = random.random,
    monotonic: Callable[[], float] = time.monotonic,
) -> Delivered:
    """Send what is due until nothing is, or `budget_s` seconds are over. A channel that fails rests until next time."""
    give_up_at = monotonic() + budget_s
    resting: set[Channel] = set()
    delivered = failed = abandoned = 0
    while awake := [each for each in senders if each not in resting]:
        if monotonic() > give_up_at:
            break
        delivery = _claim(engine, awake, now=int(clock()))
        if delivery is None:
            break
        try:
            remark = senders[delivery.channel].send(delivery.message, delivery.id)
        except DeliveryRefused as error:
            abandoned += 1
            _abandon(engine, delivery, str(error))
        except DeliveryFailed as error:
            resting.add(delivery.channel)
            if delivery.message.kind is MessageKind.TEST:  # somebody waits for the answer, and tries again by hand
                abandoned += 1
                _abandon(engine, delivery, str(error))
            else:
                failed += 1
                _give_back(engine, delivery, error, now=int(clock()), jitter=jitter)
        else:
            delivered += 1
            with transaction(engine) as connection:
                note_delivered(connection, delivery, now=int(clock()), remark=remark)
            log.info("alert_delivered", delivery_id=delivery.id, channel=delivery.channel.value)
    return Delivered(delivered, failed, abandoned)


def _claim(engine: Engine, channels: Collection[Channel], *, now: int) -> Delivery | None:
    """Look before claiming: on SQLite a claim waits for the writer's place, which a sync may hold for long."""
    with connect(engine) as connection:
        if not is_due(connection, channels, now=now):
            return None
    with transaction(engine) as connection:
        return claim(connection, channels, now=now, lease_s=LEASE_S)


def _abandon(engine: Engine, delivery: Delivery, error: str) -> None:
    with transaction(engine) as connection:
        note_abandoned(connection, delivery, error=error)
    log.error("alert_abandoned", delivery_id=delivery.id, channel=delivery.channel.value, error=error)


def _give_back(
    engine: Engine, delivery: Delivery, error: DeliveryFailed, *, now: int, jitter: Callable[[], float]
) -> None:
    wait_s = retry_in_s(delivery.attempts, retry_after_s=error.retry_after_s, jitter=jitter)
    with transaction(engine) as connection:
        note_failed(connection, delivery, error=str(error), next_attempt_at=now + wait_s)
        if error.retry_after_s is not None:
            hold_back(connection, delivery.channel, until=now + wait_s)
    log.warning("alert_delivery_failed", delivery_id=delivery.id, channel=delivery.channel.value, retry_in_s=wait_s)
