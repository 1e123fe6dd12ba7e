"""Alerts from judgement to outbox: decide, store, queue, all in one transaction. Delivering is `delivery`'s.

Whatever sees alerts calls `take_in`: sensors, and nobody else needs to know how they are told.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection

from alx_core.domain.alerts import (
    AlertName,
    Judgement,
    MessageKind,
    Observation,
    Severity,
    Transition,
    decide,
)
from alx_core.domain.messages import Channel, Message
from alx_core.errors import SettingsError
from alx_core.logs import get_logger
from alx_core.store.alerts import (
    acknowledge_incident,
    add_test_alert,
    find_alert,
    find_incidents,
    last_told,
    note_seen,
    open_incident,
    resolve_incident,
    take_turns,
)
from alx_core.store.outbox import channels_of, queue_message

log = get_logger()


@dataclass(frozen=True, slots=True)
class Policy:
    """How alerts are told: on which channels, and how long each is silent after a message."""

    channels: Collection[Channel]
    cooldown_s: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What a judgement led to, by count. `told` counts messages, each for all channels."""

    bad: int = 0
    opened: int = 0
    recovered: int = 0
    told: int = 0

    def __add__(self, other: Self) -> Self:
        """Put two looks together."""
        return type(self)(
            self.bad + other.bad,
            self.opened + other.opened,
            self.recovered + other.recovered,
            self.told + other.told,
        )

    def __str__(self) -> str:
        """For the tick's line in Dagit."""
        return f"{self.bad} bad, {self.opened} opened, {self.recovered} over, {self.told} messages queued"


def take_in(connection: Connection, judgement: Judgement, policy: Policy, *, now: int) -> Taken:
    """Bring the incidents of the judged alerts up to date and queue what is to be told. The caller commits."""
    take_turns(connection)
    changes = decide(
        judgement,
        find_incidents(connection, judgement.alerts),
        last_told=last_told(connection, judgement.alerts, since=now - policy.cooldown_s, now=now),
        now=now,
        cooldown_s=policy.cooldown_s,
    )
    note_seen(connection, [each for each in changes if each.incident and each.observation], now=now)
    for change in changes:
        _apply(connection, change, policy, now)
    return Taken(
        bad=len(judgement.bad),
        opened=sum(each.incident is None for each in changes),
        recovered=sum(each.observation is None for each in changes),
        told=sum(each.message is not None for each in changes),
    )


def _apply(connection: Connection, change: Transition, policy: Policy, now: int) -> None:
    """Open or end an incident, and queue what is told of it; that it goes on is written already."""
    incident, seen = change.incident, change.observation
    if incident is None:
        assert seen is not None  # noqa: S101  # a transition has one of the two
        alert_id = open_incident(connection, seen, now=now, is_told=change.message is not None)
        log.warning("alert_opened", alert=seen.alert.value, alert_id=alert_id, severity=seen.severity.value)
    else:
        alert_id = incident.id
        if seen is None:
            resolve_incident(connection, alert_id, now=now)
            log.info("alert_recovered", alert=incident.alert.value, alert_id=alert_id)
    if alert_id is not None and change.message is not None:
        _tell(connection, alert_id, change.message, policy.channels, now)


def _tell(connection: Connection, alert_id: int, kind: MessageKind, channels: Collection[Channel], now: int) -> None:
    """Queue a message on the channels that it makes sense on.

    The end is told where the beginning was; a reminder only where nothing of the incident waits any more, or a channel
    that was down for a day would get the same message twenty times at once.
    """
    told, waiting = channels_of(connection, alert_id)
    chosen = set(channels)
    if kind is MessageKind.RECOVERED:
        chosen &= told
    elif kind is MessageKind.REMINDER:
        chosen -= waiting
    queue_message(connection, _message(connection, alert_id, kind, now), chosen, now=now)


def _message(connection: Connection, alert_id: int, kind: MessageKind, now: int) -> Message:
    row = find_alert(connection, alert_id)
    assert row is not None  # noqa: S101  # it was written in this transaction
    names = ("subject", "title", "message", "recommendation", "link", "opened_at")
    return Message(
        kind=kind,
        alert=AlertName(row["alert"]),
        alert_id=alert_id,
        severity=Severity(row["severity"]),
        at=now,
        **{name: row[name] for name in names},
    )


def acknowledge(connection: Connection, alert_id: int, *, now: int) -> None:
    """Note that somebody takes care: no reminders until it is over. Raises SettingsError when it is not open."""
    take_turns(connection)
    if not acknowledge_incident(connection, alert_id, now=now):
        raise SettingsError(f"Alert {alert_id} is acknowledged, over, or never was. See `alx alerts list --all`.")


def resolve(connection: Connection, alert_id: int, policy: Policy, *, now: int) -> None:
    """End an incident by hand, and tell so where its beginning was told. Raises SettingsError when it is over.

    Where the cause is still there, the next look opens a new incident, silent until the cool-down is over.
    """
    take_turns(connection)
    if not resolve_incident(connection, alert_id, now=now):
        raise SettingsError(f"Alert {alert_id} is over already, or never was. `alx alerts list` shows the others.")
    _tell(connection, alert_id, MessageKind.RECOVERED, policy.channels, now)


def queue_test(connection: Connection, channels: Collection[Channel], *, link: str, now: int) -> int:
    """Queue a test message on these channels and return its alert's id."""
    seen = Observation(
        AlertName.TEST,
        Severity.INFO,
        title="This is a test",
        message="ALX Report can reach you here.",
        recommendation="Nothing to do.",
        link=link,
    )
    alert_id = add_test_alert(connection, seen, now=now)
    queue_message(connection, _message(connection, alert_id, MessageKind.TEST, now), channels, now=now)
    return alert_id
