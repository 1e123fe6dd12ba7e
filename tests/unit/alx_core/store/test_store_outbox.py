"""Messages wait for those of their own alert and subject, and a process writes the fate of none but its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from alx_core.domain.alerts import Judgement, Severity
from alx_core.domain.messages import Channel
from alx_core.services.alerting import Policy, take_in
from alx_core.store.outbox import Delivery, claim, list_deliveries, note_abandoned, note_delivered, note_failed
from alx_core.store.tables import alerts
from support.builders import NOW
from support.office import JUDGED, make_observation
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

LEASE_S = 60
SLACK = Policy({Channel.SLACK}, cooldown_s=3600)


@pytest.fixture(params=KINDS_OF_DATABASE)
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with migrated_engine(request.param, tmp_path) as engine, engine.connect() as made:
        yield made
        made.rollback()


def see(connection: Connection, *subjects: str, now: int = NOW) -> None:
    """Take in a look that found the alert for these subjects, and no others."""
    bad = [make_observation(subject=each) for each in subjects]
    take_in(connection, Judgement(JUDGED, bad), SLACK, now=now)


def take(connection: Connection, *, now: int = NOW) -> Delivery:
    taken = claim(connection, [Channel.SLACK], now=now, lease_s=LEASE_S)
    assert taken is not None
    return taken


def ids(connection: Connection) -> list[int]:
    return list(connection.execute(select(alerts.c.id).order_by(alerts.c.id)).scalars())


def rows(connection: Connection) -> list[dict[str, Any]]:
    return list_deliveries(connection, ids(connection))


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_message_that_failed_leaves_another_one_that_is_tried_as_it_was(
    connection: Connection, is_lost: bool
) -> None:
    see(connection, "acme", "beta")
    failed, other = take(connection), take(connection)
    before = {row["id"]: row for row in rows(connection)}
    if is_lost:
        note_abandoned(connection, failed, error="no_service")
    else:
        note_failed(connection, failed, error="HTTP 503", next_attempt_at=NOW + 5)
    after = {row["id"]: row for row in rows(connection)}
    assert after[other.id] == before[other.id]
    assert after[failed.id]["last_error"] in ("no_service", "HTTP 503")


@pytest.mark.parametrize("is_lost", [False, True])
def test_who_comes_back_after_its_lease_changes_nothing_of_what_another_process_tries(
    connection: Connection, is_lost: bool
) -> None:
    see(connection, "acme")
    late = take(connection)
    take(connection, now=NOW + LEASE_S)
    before = rows(connection)
    if is_lost:
        note_abandoned(connection, late, error="no_service")
    else:
        note_failed(connection, late, error="HTTP 503", next_attempt_at=NOW + 5)
    assert rows(connection) == before


def test_a_message_of_another_subject_does_not_wait_for_one_that_has_to(connection: Connection) -> None:
    see(connection, "acme")
    note_failed(connection, take(connection), error="HTTP 503", next_attempt_at=NOW + 600)
    see(connection, "acme", "beta")
    assert take(connection).message.subject == "beta"


def test_reminders_are_numbered_by_alert(connection: Connection) -> None:
    for hour in range(3):
        see(connection, "acme", "beta", now=NOW + hour * 3600)
        while (delivery := claim(connection, [Channel.SLACK], now=NOW + hour * 3600, lease_s=LEASE_S)) is not None:
            note_delivered(connection, delivery, now=NOW + hour * 3600)
    told = [(row["alert_id"], row["sequence"]) for row in rows(connection)]
    assert sorted(told) == [(alert_id, number) for alert_id in ids(connection) for number in range(3)]


def test_the_messages_of_an_alert_are_those_of_no_other(connection: Connection) -> None:
    see(connection, "acme", "beta")
    first, second = ids(connection)
    assert [row["alert_id"] for row in list_deliveries(connection, [first])] == [first]
    assert [row["alert_id"] for row in list_deliveries(connection, [second])] == [second]
    assert list_deliveries(connection, []) == []


def test_what_is_worse_goes_first_then_what_is_older(connection: Connection) -> None:
    """A sync that failed does not wait behind an attack from a thousand addresses."""
    severities = [Severity.INFO, Severity.WARNING, Severity.CRITICAL, Severity.WARNING]
    bad = [make_observation(subject=f"{n}", severity=severity) for n, severity in enumerate(severities)]
    take_in(connection, Judgement(JUDGED, bad), SLACK, now=NOW)
    order = [row["id"] for row in rows(connection)]
    assert [take(connection).id for _ in severities] == [order[each] for each in (2, 1, 3, 0)]
