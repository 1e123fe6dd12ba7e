"""A reporting database with its outbox, and whoever is to be told."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, select

from alx_core.domain.alerts import AlertName, Judgement, Observation, Severity
from alx_core.domain.messages import Channel
from alx_core.services.alerting import Policy, take_in
from alx_core.services.delivery.mail import Mailer, MailServer
from alx_core.services.delivery.outbox import Delivered, deliver_due
from alx_core.store.engine import transaction
from alx_core.store.outbox import list_deliveries
from alx_core.store.tables import alerts
from support.builders import NOW

JUDGED = frozenset({AlertName.SYNC_FAILED})


def make_observation(**overrides: Any) -> Observation:
    """What a failed sync looks like."""
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
        """Deliver what is due, so much later."""
        self.now += after_s
        return deliver_due(self.engine, self.senders, clock=lambda: self.now, jitter=lambda: 0.0)

    def rows(self) -> list[dict[str, Any]]:
        """All messages."""
        with self.engine.connect() as connection:
            return list_deliveries(connection, connection.execute(select(alerts.c.id)).scalars().all())

    def row(self) -> dict[str, Any]:
        """The only message."""
        (only,) = self.rows()
        return only


def mailer(
    port: int,
    *recipients: str,
    url: str = "smtp://127.0.0.1:{port}",
    monotonic: Callable[[], float] = time.monotonic,
) -> Mailer:
    """A sender of e-mail by way of the server on this port."""
    return Mailer(
        MailServer.from_url(url.format(port=port)),
        sender="alx@example.com",
        recipients=recipients or ("ops@example.com",),
        timeout_s=2,
        monotonic=monotonic,
    )
