"""The outbox `alert_deliveries`: messages are queued with their alert in one transaction, and taken out one by one.

A process that takes a message holds it by a lease: nobody else takes it until the lease is over. One that dies with it
loses nothing, the next one takes it then.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, insert, or_, select, text, update

from alx_core.domain.alerts import MessageKind
from alx_core.domain.clocks import CLOCKS_APART_S
from alx_core.domain.messages import LONGEST_WAIT_S, Channel, DeliveryState, Message
from alx_core.store.alerts import WORST_FIRST
from alx_core.store.engine import is_postgresql
from alx_core.store.tables import alert_deliveries, alerts

PENDING = text("alert_deliveries.state = 'pending'")
"""Written as the partial index has it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that this process holds. `attempts` counts the tries begun, this one included."""

    id: int
    channel: Channel
    message: Message
    attempts: int


def queue_message(connection: Connection, message: Message, channels: Collection[Channel], *, now: int) -> None:
    """Queue a message for these channels. A reminder is numbered; any other kind exists once for each alert."""
    row = alert_deliveries.c
    sequence = 0
    if message.kind is MessageKind.REMINDER:
        of_alert = and_(row.alert_id == message.alert_id, row.kind == MessageKind.REMINDER.value)
        newest = connection.execute(select(func.max(row.sequence)).where(of_alert)).scalar()
        sequence = (newest or 0) + 1
    values = {
        "alert_id": message.alert_id,
        "kind": message.kind.value,
        "sequence": sequence,
        "state": DeliveryState.PENDING.value,
        "body": json.dumps(message.to_json(), ensure_ascii=False),
        "attempts": 0,
        "created_at": now,
        "next_attempt_at": now,
    }
    if channels:
        connection.execute(insert(alert_deliveries), [{**values, "channel": each.value} for each in sorted(channels)])


def channels_of(connection: Connection, alert_id: int) -> tuple[set[Channel], set[Channel]]:
    """Return the channels that an alert was told to or will be, and those among them where a message still waits."""
    row = alert_deliveries.c
    query = select(row.channel, row.state).where(row.alert_id == alert_id)
    found = [(Channel(channel), state) for channel, state in connection.execute(query)]
    return {channel for channel, _ in found}, {channel for channel, state in found if state == DeliveryState.PENDING}


def is_due(connection: Connection, channels: Collection[Channel], *, now: int) -> bool:
    """Whether there is a message to claim: a look that takes nobody's place, as a transaction that writes would."""
    return connection.execute(_due(channels, now)).first() is not None


def claim(connection: Connection, channels: Collection[Channel], *, now: int, lease_s: int) -> Delivery | None:
    """Take a message that is due on one of these channels; None when there is none.

    What is worse goes first, then what is older: a sync that failed does not wait behind an attack from a thousand
    addresses. What is told of one alert and subject goes out in order: the last word on a channel is how it stands.
    """
    row = alert_deliveries.c
    worst_first = select(WORST_FIRST).where(alerts.c.id == row.alert_id).scalar_subquery()
    query = _due(channels, now).order_by(worst_first, row.id)
    if is_postgresql(connection):
        query = query.with_for_update(skip_locked=True)
    delivery_id = connection.execute(query).scalar()
    if delivery_id is None:
        return None
    taken = (
        update(alert_deliveries)
        .where(row.id == delivery_id, PENDING, _is_free(now))
        .values(attempts=row.attempts + 1, claimed_until=now + lease_s)
        .returning(row.channel, row.body, row.attempts)
    )
    found = connection.execute(taken).first()
    if found is None:
        return None
    return Delivery(delivery_id, Channel(found.channel), Message.from_json(json.loads(found.body)), found.attempts)


def note_delivered(connection: Connection, delivery: Delivery, *, now: int, remark: str | None = None) -> None:
    """Write that a message arrived; also when its lease is over, and whoever has it now will find it done."""
    values = {"state": DeliveryState.DELIVERED.value, "delivered_at": now, "claimed_until": None, "last_error": remark}
    connection.execute(update(alert_deliveries).where(alert_deliveries.c.id == delivery.id).values(**values))


def note_abandoned(connection: Connection, delivery: Delivery, *, error: str) -> None:
    """Write that the channel refused a message for good."""
    values = {"state": DeliveryState.ABANDONED.value, "claimed_until": None, "last_error": error}
    connection.execute(update(alert_deliveries).where(_is_mine(delivery)).values(**values))


def note_failed(connection: Connection, delivery: Delivery, *, error: str, next_attempt_at: int) -> None:
    """Give a message back, to be tried again."""
    values = {"claimed_until": None, "last_error": error, "next_attempt_at": next_attempt_at}
    connection.execute(update(alert_deliveries).where(_is_mine(delivery)).values(**values))


def hold_back(connection: Connection, channel: Channel, *, until: int) -> None:
    """Let all messages of a channel wait that asked for patience."""
    row = alert_deliveries.c
    waiting = update(alert_deliveries).where(PENDING, row.channel == channel.value, row.next_attempt_at < until)
    connection.execute(waiting.values(next_attempt_at=until))


def list_deliveries(connection: Connection, alert_ids: Collection[int]) -> list[dict[str, Any]]:
    """Return the messages of these alerts, oldest first, without their texts."""
    row = alert_deliveries.c
    columns = [each for each in row if each.name != "body"]
    query = select(*columns).where(row.alert_id.in_(list(alert_ids))).order_by(row.id)
    return [dict(found) for found in connection.execute(query).mappings()]


def list_troubled(connection: Connection, *, late_before: int, abandoned_since: int) -> list[dict[str, Any]]:
    """Return the messages queued before `late_before` that still wait, and those abandoned since then, newest first.

    Tests are left out: somebody saw how they ended. One that arrived says that what was abandoned before it is mended.
    """
    row, later = alert_deliveries.c, alert_deliveries.alias("later").c
    is_mended = exists().where(
        later.channel == row.channel,
        later.kind == MessageKind.TEST.value,
        later.state == DeliveryState.DELIVERED.value,
        later.id > row.id,
    )
    is_late = and_(row.state == DeliveryState.PENDING.value, row.created_at < late_before)
    is_lost = and_(row.state == DeliveryState.ABANDONED.value, row.created_at >= abandoned_since, ~is_mended)
    columns = [each for each in row if each.name != "body"]
    query = (
        select(*columns, alerts.c.alert)
        .join(alerts, alerts.c.id == row.alert_id)
        .where(or_(is_late, is_lost), row.kind != MessageKind.TEST.value)
        .order_by(row.id.desc())
    )
    return [dict(found) for found in connection.execute(query).mappings()]


def _due(channels: Collection[Channel], now: int) -> Select[int]:
    row = alert_deliveries.c
    earlier, theirs, its = alert_deliveries.alias("earlier"), alerts.alias("theirs"), alerts.alias("its")
    is_first = ~exists().where(
        its.c.id == row.alert_id,
        theirs.c.alert == its.c.alert,
        theirs.c.subject == its.c.subject,
        earlier.c.alert_id == theirs.c.id,
        earlier.c.channel == row.channel,
        earlier.c.state == DeliveryState.PENDING.value,
        earlier.c.id < row.id,
    )
    return (
        select(row.id)
        .where(PENDING, row.channel.in_([each.value for each in channels]))
        .where(_has_come(row.next_attempt_at, now), _is_free(now))
        .where(is_first)
        .limit(1)
    )


def _is_free(now: int) -> ColumnElement[bool]:
    row = alert_deliveries.c
    return or_(row.claimed_until.is_(None), _has_come(row.claimed_until, now))


def _has_come(at: ColumnElement[int], now: int) -> ColumnElement[bool]:
    """Nothing waits longer than LONGEST_WAIT_S: a later time is one that a clock which ran ahead wrote down."""
    return or_(at <= now, at > now + LONGEST_WAIT_S + CLOCKS_APART_S)


def _is_mine(delivery: Delivery) -> ColumnElement[bool]:
    """Still waiting, and nobody else began a try since this one."""
    row = alert_deliveries.c
    is_this_try = and_(row.id == delivery.id, row.attempts == delivery.attempts)
    return and_(is_this_try, row.state == DeliveryState.PENDING.value)
