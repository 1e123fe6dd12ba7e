"""Alerts in the database: stored first, queued with them, told once, whoever looks at the same moment."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from alx_core.domain.alerts import AlertState, Judgement, MessageKind, Observation
from alx_core.domain.messages import Channel
from alx_core.errors import SettingsError
from alx_core.services.alerting import Policy, acknowledge, queue_test, resolve, take_in
from alx_core.store.alerts import list_alerts, take_turns
from alx_core.store.engine import transaction
from alx_core.store.outbox import claim, list_deliveries, note_delivered, note_failed
from alx_core.store.tables import alerts
from support import office
from support.builders import NOW
from support.office import JUDGED
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

BOTH = Policy(frozenset(Channel), cooldown_s=3600)
SLACK = Policy({Channel.SLACK}, cooldown_s=3600)


def make_observation(**overrides: Any) -> Observation:
    details = {"failed_at": NOW, "cause": "é"}
    return office.make_observation(**{"message": "Moodle is down", "details": details, "companyid": 3, **overrides})


BAD = Judgement(JUDGED, [make_observation()])
WELL = Judgement(JUDGED)


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("alerting")) as made:
        yield made


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with engine.connect() as made:
        yield made
        made.rollback()


def told(connection: Connection) -> list[tuple[str, int, str]]:
    """Kind, number and channel of every message, in order."""
    ids = list(connection.execute(select(alerts.c.id)).scalars())
    return [(each["kind"], each["sequence"], each["channel"]) for each in list_deliveries(connection, ids)]


def deliver_all(connection: Connection, *, now: int) -> None:
    while (delivery := claim(connection, list(Channel), now=now, lease_s=60)) is not None:
        note_delivered(connection, delivery, now=now)


def test_an_alert_is_stored_with_its_texts_and_figures(connection: Connection) -> None:
    take_in(connection, BAD, BOTH, now=NOW)
    (row,) = list_alerts(connection, limit=10)
    assert (row["alert"], row["subject"], row["severity"], row["state"]) == ("sync_failed", "", "critical", "open")
    assert (row["title"], row["message"], row["link"]) == ("The sync failed", "Moodle is down", "http://dagit/runs/1")
    assert row["details"] == {"failed_at": NOW, "cause": "é"}
    assert (row["companyid"], row["occurrences"], row["opened_at"], row["notified_at"]) == (3, 1, NOW, NOW)


def test_an_alert_that_is_back_is_told_after_the_end_before_it_had_to_wait(connection: Connection) -> None:
    take_in(connection, BAD, SLACK, now=NOW)
    deliver_all(connection, now=NOW)
    take_in(connection, WELL, SLACK, now=NOW + 3590)
    over = claim(connection, [Channel.SLACK], now=NOW + 3590, lease_s=60)
    assert over is not None
    note_failed(connection, over, error="Slack answered HTTP 503", next_attempt_at=NOW + 3900)
    take_in(connection, BAD, SLACK, now=NOW + 3600)
    assert claim(connection, [Channel.SLACK], now=NOW + 3600, lease_s=60) is None
    said = []
    while (delivery := claim(connection, [Channel.SLACK], now=NOW + 3900, lease_s=60)) is not None:
        note_delivered(connection, delivery, now=NOW + 3900)
        said.append(delivery.message.kind)
    assert said == [MessageKind.RECOVERED, MessageKind.OPENED]


def test_what_a_clock_that_ran_ahead_told_silences_nothing_when_it_is_right_again(connection: Connection) -> None:
    ahead = NOW + 365 * 86_400
    take_in(connection, BAD, SLACK, now=ahead)
    assert claim(connection, [Channel.SLACK], now=NOW, lease_s=60) is not None, "queued for next year"
    assert take_in(connection, BAD, SLACK, now=NOW).told == 1
    assert take_in(connection, BAD, SLACK, now=NOW + 60).told == 0
    take_in(connection, BAD, SLACK, now=ahead + 60)
    take_in(connection, WELL, SLACK, now=NOW + 120)
    assert take_in(connection, BAD, SLACK, now=NOW + 3600).told == 1


def test_a_message_that_a_clock_that_ran_ahead_claimed_is_free(connection: Connection) -> None:
    take_in(connection, BAD, SLACK, now=NOW)
    assert claim(connection, [Channel.SLACK], now=NOW + 365 * 86_400, lease_s=60) is not None
    assert claim(connection, [Channel.SLACK], now=NOW, lease_s=60) is not None


def test_it_is_told_once_on_every_channel_however_often_it_is_seen(connection: Connection) -> None:
    for second in range(5):
        take_in(connection, BAD, BOTH, now=NOW + second)
    assert told(connection) == [("opened", 0, "email"), ("opened", 0, "slack")]
    (row,) = list_alerts(connection, limit=10)
    assert (row["occurrences"], row["last_seen_at"], row["notified_at"]) == (5, NOW + 4, NOW)


def test_its_newest_figures_are_kept(connection: Connection) -> None:
    take_in(connection, BAD, SLACK, now=NOW)
    take_in(connection, Judgement(JUDGED, [make_observation(message="now worse")]), SLACK, now=NOW + 60)
    assert list_alerts(connection, limit=1)[0]["message"] == "now worse"


def test_a_look_at_a_hundred_incidents_that_go_on_takes_as_many_statements_as_one_at_two(
    connection: Connection,
) -> None:
    """Otherwise a thousand refused addresses cost a thousand statements a minute."""
    statements: list[str] = []

    def look(subjects: range) -> int:
        bad = [make_observation(subject=str(each), message=f"{each} at {NOW}") for each in subjects]
        before = len(statements)
        take_in(connection, Judgement(JUDGED, bad), SLACK, now=NOW)
        return len(statements) - before

    event.listen(connection, "before_cursor_execute", lambda *heard: statements.append(heard[2]))
    look(range(2))
    of_two = look(range(2))
    look(range(100))
    assert look(range(100)) == of_two
    rows = list_alerts(connection, limit=100)
    assert [row["message"] for row in rows] == [f"{each} at {NOW}" for each in reversed(range(100))]
    assert [row["occurrences"] for row in rows] == [2] * 98 + [4] * 2


def test_reminders_come_once_an_hour_and_are_numbered(connection: Connection) -> None:
    for minute in range(0, 181, 5):
        take_in(connection, BAD, SLACK, now=NOW + 60 * minute)
        deliver_all(connection, now=NOW + 60 * minute)
    assert told(connection) == [
        ("opened", 0, "slack"),
        ("reminder", 1, "slack"),
        ("reminder", 2, "slack"),
        ("reminder", 3, "slack"),
    ]


def test_no_reminder_is_queued_while_a_message_still_waits(connection: Connection) -> None:
    """Slack is down for a day: when it is back, one message arrives, not twenty-five."""
    for hour in range(25):
        take_in(connection, BAD, SLACK, now=NOW + 3600 * hour)
    assert told(connection) == [("opened", 0, "slack")]


def test_what_is_acknowledged_is_not_told_again_until_it_is_over(connection: Connection) -> None:
    take_in(connection, BAD, SLACK, now=NOW)
    deliver_all(connection, now=NOW)
    acknowledge(connection, list_alerts(connection, limit=1)[0]["id"], now=NOW + 60)
    for hour in range(1, 5):
        take_in(connection, BAD, SLACK, now=NOW + 3600 * hour)
    row = list_alerts(connection, limit=1)[0]
    assert (row["state"], row["acknowledged_at"]) == ("acknowledged", NOW + 60)
    take_in(connection, WELL, SLACK, now=NOW + 5 * 3600)
    assert [kind for kind, _, _ in told(connection)] == ["opened", "recovered"]


def test_the_end_is_told_once(connection: Connection) -> None:
    take_in(connection, BAD, BOTH, now=NOW)
    for second in (60, 120, 180):
        take_in(connection, WELL, BOTH, now=NOW + second)
    assert [each for each in told(connection) if each[0] == "recovered"] == [
        ("recovered", 0, "email"),
        ("recovered", 0, "slack"),
    ]
    (row,) = list_alerts(connection, limit=10)
    assert (row["state"], row["resolved_at"]) == ("resolved", NOW + 60)
    assert list_alerts(connection, limit=10, only_open=True) == []


def test_the_end_is_told_only_where_the_beginning_was(connection: Connection) -> None:
    take_in(connection, BAD, SLACK, now=NOW)
    take_in(connection, WELL, BOTH, now=NOW + 60)
    assert told(connection) == [("opened", 0, "slack"), ("recovered", 0, "slack")]


def test_without_a_channel_alerts_are_stored_all_the_same(connection: Connection) -> None:
    take_in(connection, BAD, Policy((), cooldown_s=3600), now=NOW)
    assert len(list_alerts(connection, limit=10)) == 1
    assert told(connection) == []


def test_a_channel_that_is_set_up_later_is_told_with_the_next_reminder(connection: Connection) -> None:
    take_in(connection, BAD, Policy((), cooldown_s=3600), now=NOW)
    take_in(connection, BAD, SLACK, now=NOW + 3600)
    assert told(connection) == [("reminder", 1, "slack")]


def test_what_flickers_is_told_once_an_hour(connection: Connection) -> None:
    for minute in range(0, 60, 2):
        take_in(connection, BAD if minute % 4 == 0 else WELL, SLACK, now=NOW + 60 * minute)
        deliver_all(connection, now=NOW + 60 * minute)
    assert [kind for kind, _, _ in told(connection)] == ["opened", "recovered"]
    take_in(connection, BAD, SLACK, now=NOW + 3600)
    assert [kind for kind, _, _ in told(connection)] == ["opened", "recovered", "opened"]


def test_an_alert_ended_by_hand_is_told_so_and_comes_back_in_silence(connection: Connection) -> None:
    take_in(connection, BAD, SLACK, now=NOW)
    resolve(connection, list_alerts(connection, limit=1)[0]["id"], SLACK, now=NOW + 60)
    take_in(connection, BAD, SLACK, now=NOW + 120)
    assert [kind for kind, _, _ in told(connection)] == ["opened", "recovered"]
    assert [row["state"] for row in list_alerts(connection, limit=10)] == ["open", "resolved"]


@pytest.mark.parametrize("act", [acknowledge, lambda *given, now: resolve(*given, SLACK, now=now)])
def test_what_is_over_can_not_be_acknowledged_or_ended(connection: Connection, act: Any) -> None:
    take_in(connection, BAD, SLACK, now=NOW)
    take_in(connection, WELL, SLACK, now=NOW)
    alert_id = list_alerts(connection, limit=1)[0]["id"]
    for each in (alert_id, alert_id + 1):
        with pytest.raises(SettingsError, match="alx alerts list"):
            act(connection, each, now=NOW)


def test_a_test_message_leaves_nothing_open(connection: Connection) -> None:
    queue_test(connection, list(Channel), link="http://api/status", now=NOW)
    assert [(row["alert"], row["state"]) for row in list_alerts(connection, limit=10)] == [("test", "resolved")]
    assert [kind for kind, _, _ in told(connection)] == ["test", "test"]


def test_the_database_itself_refuses_a_second_open_incident(connection: Connection) -> None:
    take_in(connection, BAD, SLACK, now=NOW)
    row = dict(connection.execute(select(alerts)).mappings().one())
    second = {name: value for name, value in row.items() if name != "id"}
    with pytest.raises(IntegrityError), connection.begin_nested():
        connection.execute(insert(alerts).values(**second))
    connection.execute(insert(alerts).values(**{**second, "state": AlertState.RESOLVED.value}))


def test_many_who_see_the_same_at_the_same_moment_tell_it_once(engine: Engine, tmp_path: Path) -> None:
    with migrated_engine(engine.dialect.name, tmp_path) as own:
        errors: list[Exception] = []
        barrier = threading.Barrier(8)

        def see() -> None:
            try:
                barrier.wait()
                for second in range(5):
                    with transaction(own) as connection:
                        take_in(connection, BAD, SLACK, now=NOW + second)
            except Exception as error:  # noqa: BLE001  # whatever it is, the test reports it
                errors.append(error)

        threads = [threading.Thread(target=see) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        with own.connect() as connection:
            assert told(connection) == [("opened", 0, "slack")]
            assert [row["occurrences"] for row in list_alerts(connection, limit=10)] == [40]


@pytest.mark.slow
@pytest.mark.parametrize("act", [acknowledge, lambda *given, now: resolve(*given, SLACK, now=now)])
def test_a_look_does_not_overwrite_what_somebody_decided_meanwhile(tmp_path: Path, act: Any) -> None:
    with migrated_engine("postgresql", tmp_path) as own:
        with transaction(own) as connection:
            take_in(connection, BAD, SLACK, now=NOW)
            alert_id = list_alerts(connection, limit=1)[0]["id"]
        with own.begin() as looking, own.begin() as deciding:
            take_turns(looking)
            deciding.execute(text("SET LOCAL lock_timeout = '10ms'"))
            with pytest.raises(OperationalError, match="lock timeout"):
                act(deciding, alert_id, now=NOW)


def test_what_is_rolled_back_is_neither_stored_nor_told(engine: Engine) -> None:
    def fail_after_taking_in() -> None:
        with transaction(engine) as connection:
            take_in(connection, BAD, SLACK, now=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_taking_in()
    with engine.connect() as connection:
        assert list_alerts(connection, limit=10) == []
        assert claim(connection, list(Channel), now=NOW, lease_s=60) is None


def test_kinds_of_messages_are_those_of_the_engine() -> None:
    assert set(MessageKind) == {"opened", "reminder", "recovered", "test"}
