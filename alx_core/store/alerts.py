"""Incidents in `local_alx_api_alerts`. What becomes of them is decided in `domain/alerts`; messages are in `outbox`."""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Boolean, Connection, String, Update, bindparam, case, func, insert, null, select, text, update

from alx_core.domain.alerts import AlertName, AlertState, Incident, Key, Observation, Severity, Transition
from alx_core.domain.clocks import CLOCKS_APART_S
from alx_core.store.engine import insert_into, is_postgresql
from alx_core.store.tables import IS_NOT_RESOLVED, alerts

LOCK_KEY = 0x616C785F616C7274
"""Key of the PostgreSQL advisory lock: the letters `alx_alrt`."""

WORST_FIRST = case({each.value: -each.rank for each in Severity}, value=alerts.c.severity, else_=0)
"""What to order incidents by: critical ones before warnings, these before news."""
TEXTS = ("title", "message", "recommendation", "link", "details")


def take_turns(connection: Connection) -> None:
    """Let one transaction at a time decide about alerts, so that two processes never tell the same twice.

    On SQLite a transaction that writes is alone anyway.
    """
    if is_postgresql(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})


def find_incidents(connection: Connection, names: Collection[AlertName]) -> list[Incident]:
    """Return the incidents of these alerts that are not over, oldest first."""
    query = (
        select(alerts).where(IS_NOT_RESOLVED, alerts.c.alert.in_([each.value for each in names])).order_by(alerts.c.id)
    )
    return [_incident(row) for row in connection.execute(query).mappings()]


def last_told(connection: Connection, names: Collection[AlertName], *, since: int, now: int) -> dict[Key, int]:
    """Return when people were last told that an alert is the case, by alert and subject, as far as that is `since`.

    What a clock that ran ahead of `now` wrote down does not count: it would silence the alert until then.
    """
    row = alerts.c
    query = (
        select(row.alert, row.subject, func.max(row.notified_at))
        .where(row.alert.in_([each.value for each in names]), row.notified_at > since)
        .where(row.notified_at <= now + CLOCKS_APART_S)
        .group_by(row.alert, row.subject)
    )
    return {(AlertName(alert), subject): int(at) for alert, subject, at in connection.execute(query)}


def open_incident(connection: Connection, seen: Observation, *, now: int, is_told: bool) -> int | None:
    """Write a new incident and return its id; None when there is one already."""
    statement = (
        insert_into(connection, alerts)
        .values(
            alert=seen.alert.value,
            subject=seen.subject,
            severity=seen.severity.value,
            state=AlertState.OPEN.value,
            companyid=seen.companyid,
            token_id=seen.token_id,
            occurrences=1,
            opened_at=now,
            last_seen_at=now,
            notified_at=now if is_told else None,
            **_texts(seen),
        )
        .on_conflict_do_nothing(index_elements=["alert", "subject"], index_where=IS_NOT_RESOLVED)
        .returning(alerts.c.id)
    )
    return connection.execute(statement).scalar()


def note_seen(connection: Connection, changes: Sequence[Transition], *, now: int) -> None:
    """Write that incidents go on, with their newest figures. One statement, whose values are sent together."""
    if changes:
        connection.execute(_note_seen(), [{**_newest(each), "now": now} for each in changes])


def _newest(change: Transition) -> dict[str, object]:
    incident, seen = change.incident, change.observation
    assert incident is not None  # noqa: S101  # that is what going on means
    assert seen is not None  # noqa: S101
    return {
        "incident_id": incident.id,
        "severity": change.severity.value,
        "state": change.state.value,
        "is_told": change.message is not None,
        **_texts(seen),
    }


@cache
def _note_seen() -> Update:
    row = alerts.c
    is_open = bindparam("state", type_=String) == AlertState.OPEN.value
    return (
        update(alerts)
        .where(row.id == bindparam("incident_id"))
        .values(
            occurrences=row.occurrences + 1,
            last_seen_at=bindparam("now"),
            notified_at=case((bindparam("is_told", type_=Boolean), bindparam("now")), else_=row.notified_at),
            acknowledged_at=case((is_open, null()), else_=row.acknowledged_at),
            **{name: bindparam(name) for name in ("severity", "state", *TEXTS)},
        )
    )


def resolve_incident(connection: Connection, alert_id: int, *, now: int) -> bool:
    """Write that an incident is over; False when it was already, or never was."""
    statement = update(alerts).where(alerts.c.id == alert_id, IS_NOT_RESOLVED)
    return connection.execute(statement.values(state=AlertState.RESOLVED.value, resolved_at=now)).rowcount == 1


def acknowledge_incident(connection: Connection, alert_id: int, *, now: int) -> bool:
    """Write that somebody takes care of an incident; False unless it is open."""
    statement = update(alerts).where(alerts.c.id == alert_id, alerts.c.state == AlertState.OPEN.value)
    return connection.execute(statement.values(state=AlertState.ACKNOWLEDGED.value, acknowledged_at=now)).rowcount == 1


def add_test_alert(connection: Connection, seen: Observation, *, now: int) -> int:
    """Write an alert that is over as soon as it is there, and return its id."""
    statement = insert(alerts).values(
        alert=seen.alert.value,
        subject=seen.subject,
        severity=seen.severity.value,
        state=AlertState.RESOLVED.value,
        occurrences=1,
        opened_at=now,
        last_seen_at=now,
        resolved_at=now,
        **_texts(seen),
    )
    return int(connection.execute(statement.returning(alerts.c.id)).scalar_one())


def find_alert(connection: Connection, alert_id: int) -> dict[str, Any] | None:
    """Return an alert's row."""
    row = connection.execute(select(alerts).where(alerts.c.id == alert_id)).mappings().first()
    return None if row is None else dict(row)


def list_alerts(connection: Connection, *, limit: int, only_open: bool = False) -> list[dict[str, Any]]:
    """Return alerts, newest first; `only_open` leaves out those that are over."""
    query = select(alerts).order_by(alerts.c.id.desc()).limit(limit)
    rows = connection.execute(query.where(IS_NOT_RESOLVED) if only_open else query).mappings()
    return [{**row, "details": json.loads(row["details"])} for row in rows]


def _texts(seen: Observation) -> dict[str, str]:
    return {
        "title": seen.title,
        "message": seen.message,
        "recommendation": seen.recommendation,
        "link": seen.link,
        "details": json.dumps(dict(seen.details), sort_keys=True, ensure_ascii=False),
    }


def _incident(row: Mapping[Any, Any]) -> Incident:
    return Incident(
        id=row["id"],
        alert=AlertName(row["alert"]),
        subject=row["subject"],
        severity=Severity(row["severity"]),
        state=AlertState(row["state"]),
        opened_at=row["opened_at"],
        last_seen_at=row["last_seen_at"],
        notified_at=row["notified_at"],
        details=json.loads(row["details"]),
    )
