"""`alx alerts`, `alx purge` and what `alx doctor` says of messages: as people and programs use them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from alx_cli import diagnosis
from alx_core.domain.alerts import AlertName, Judgement, Observation, Severity
from alx_core.domain.messages import Channel
from alx_core.services.alerting import Policy, take_in
from alx_core.settings import Settings
from alx_core.store.engine import open_engine, transaction
from alx_core.store.tables import alert_deliveries
from support.channels import fake_mail_server, fake_slack
from support.command import Command
from support.reporting_databases import write_migrated
from support.requests import log_requests, make_request

JUDGED = frozenset({AlertName.SYNC_FAILED})
BAD = Observation(
    AlertName.SYNC_FAILED, Severity.CRITICAL, title="The sync failed", message="[b]why[/b]", recommendation="do"
)


@pytest.fixture
def alx(tmp_path: Path) -> Command:
    return Command(tmp_path / "home")


@pytest.fixture
def engine(alx: Command) -> Iterator[Engine]:
    write_migrated(alx.home / "alx.sqlite")
    with open_engine(Settings(home=alx.home).database) as made:
        yield made


def see(engine: Engine, *subjects: str, at: int | None = None) -> None:
    judgement = Judgement(JUDGED, [Observation(*_with_subject(each)) for each in subjects])
    with transaction(engine) as connection:
        take_in(connection, judgement, Policy({Channel.SLACK}, cooldown_s=3600), now=at or int(time.time()))


def _with_subject(subject: str) -> tuple[Any, ...]:
    return BAD.alert, BAD.severity, BAD.title, BAD.message, BAD.recommendation, subject


@pytest.mark.usefixtures("engine")
def test_without_alerts_it_says_so(alx: Command) -> None:
    assert "No open alerts." in alx.run("alerts", "list").stdout
    assert "No alerts." in alx.run("alerts", "list", "--all").stdout
    assert alx.run("alerts", "list", "--json").json == []


def test_open_alerts_are_listed_with_how_their_messages_fare(alx: Command, engine: Engine) -> None:
    see(engine, "", "acme")
    shown = alx.run("alerts", "list").stdout
    for part in ("sync_failed", "critical", "acme", "[b]why[/b]", "opened by slack: pending"):
        assert part in shown
    listed = alx.run("alerts", "list", "--json").json
    assert [(each["id"], each["subject"], each["state"]) for each in listed] == [(2, "acme", "open"), (1, "", "open")]
    assert [each["state"] for each in listed[0]["deliveries"]] == ["pending"]


@pytest.mark.parametrize("command", ["ack", "resolve"])
@pytest.mark.parametrize("number", ["0", "99999999999999999999", "x"])
@pytest.mark.usefixtures("engine")
def test_what_can_be_no_alerts_id_is_a_wrong_argument(alx: Command, command: str, number: str) -> None:
    done = alx.run("alerts", command, number)
    assert (done.code, done.stderr.startswith("Usage:")) == (2, True)


def test_an_alert_is_acknowledged_and_ended_by_its_id(alx: Command, engine: Engine) -> None:
    see(engine, "", "acme")
    assert alx.run("alerts", "ack", "1", "2").code == 0
    assert [each["state"] for each in alx.run("alerts", "list", "--json").json] == ["acknowledged"] * 2
    assert alx.run("alerts", "resolve", "1").code == 0
    assert [each["id"] for each in alx.run("alerts", "list", "--json").json] == [2]
    assert [each["id"] for each in alx.run("alerts", "list", "--all", "--json").json] == [2, 1]


@pytest.mark.parametrize("what", ["ack", "resolve"])
def test_of_several_ids_with_a_wrong_one_none_is_changed(alx: Command, engine: Engine, what: str) -> None:
    see(engine, "")
    done = alx.run("alerts", what, "1", "99")
    assert (done.code, "99" in done.stderr) == (1, True)
    assert [each["state"] for each in alx.run("alerts", "list", "--json").json] == ["open"]


@pytest.mark.usefixtures("engine")
def test_a_test_without_a_channel_says_what_to_set(alx: Command) -> None:
    done = alx.run("alerts", "test")
    assert done.code == 1
    assert "ALX_SLACK_WEBHOOK_URL" in done.stderr


def test_a_test_reports_each_channel(alx: Command) -> None:
    with fake_slack() as slack, fake_mail_server() as mail:
        channels = {
            "ALX_SLACK_WEBHOOK_URL": slack.url,
            "ALX_SMTP_URL": f"smtp://127.0.0.1:{mail.port}",
            "ALX_ALERT_EMAILS": "ops@example.com",
        }
        done = alx.run("alerts", "test", "--json", **channels)
        assert done.code == 0
        assert sorted((each["channel"], each["ok"]) for each in done.json) == [("email", True), ("slack", True)]
        assert slack.headlines == ["Test: This is a test"]
        slack.answers = [(404, {})]
        done = alx.run("alerts", "test", **channels)
        assert done.code == 1
        assert "Slack refused it: HTTP 404" in done.stdout
        assert done.stderr == ""
        assert [each["Subject"] for each in mail.taken] == ["[ALX info] Test: This is a test"] * 2
    assert "s3cr3t" not in done.stdout + done.stderr


# --- doctor ---


def messages(engine: Engine) -> diagnosis.Finding:
    return diagnosis._messages(engine)


def test_the_doctor_says_when_a_message_is_late_and_why(engine: Engine) -> None:
    assert messages(engine).ok
    now = int(time.time())
    see(engine, "", at=now - diagnosis.LATE_S + 60)
    assert messages(engine).ok
    see(engine, "", "acme", at=now - diagnosis.LATE_S - 60)
    assert not messages(engine).ok
    assert "1 late" in messages(engine).detail
    assert "is Dagster's daemon running" in messages(engine).detail


def test_the_doctor_says_when_a_message_was_refused_within_a_week(engine: Engine) -> None:
    now = int(time.time())
    see(engine, "", at=now)
    with transaction(engine) as connection:
        refused = {"state": "abandoned", "last_error": "Slack refused it: HTTP 404"}
        connection.execute(update(alert_deliveries).values(**refused))
    assert "1 refused in the last week" in messages(engine).detail
    assert "HTTP 404" in messages(engine).detail
    with transaction(engine) as connection:
        connection.execute(update(alert_deliveries).values(created_at=now - diagnosis.ABANDONED_SHOWN_S - 60))
    assert messages(engine).ok


def test_a_test_that_arrives_ends_what_the_doctor_says_of_refused_messages(alx: Command, engine: Engine) -> None:
    see(engine, "", at=int(time.time()))
    with transaction(engine) as connection:
        connection.execute(update(alert_deliveries).values(state="abandoned"))
    with fake_slack() as slack:
        slack.answers = [(404, {}), (200, {})]
        assert alx.run("alerts", "test", ALX_SLACK_WEBHOOK_URL=slack.url).code == 1
        assert not messages(engine).ok
        assert alx.run("alerts", "test", ALX_SLACK_WEBHOOK_URL=slack.url).code == 0
    assert messages(engine).ok


def test_the_doctor_does_not_mind_a_test_that_failed(alx: Command, engine: Engine) -> None:
    with fake_slack() as slack:
        slack.answers = [(404, {})]
        assert alx.run("alerts", "test", ALX_SLACK_WEBHOOK_URL=slack.url).code == 1
    assert messages(engine).ok


@pytest.mark.parametrize(
    ("given", "ok", "says"),
    [
        ({}, True, "nobody is told"),
        ({"slack_webhook_url": "https://hooks.example.com/x"}, True, "Slack;"),
        ({"smtp_url": "smtp://mail", "alert_emails": "a@b.c,d@e.f"}, True, "e-mail to 2;"),
        ({"smtp_url": "smtp://mail"}, False, "belong together"),
        ({"alert_emails": "a@b.c"}, False, "belong together"),
    ],
)
def test_the_doctor_says_who_is_told(given: dict[str, str], ok: bool, says: str) -> None:
    finding = diagnosis._channels(Settings(**given))
    assert (finding.ok, says in finding.detail) == (ok, True)


# --- purge ---


def test_purge_says_what_went(alx: Command, engine: Engine) -> None:
    now = int(time.time())
    log_requests(engine, [make_request(at=now - 100 * 86_400), make_request(at=now)])
    counts = alx.run("purge", "--json").json
    assert counts["requests"] == 1
    assert counts["dagster_runs"] == 0
    assert "requests of the log" in alx.run("purge").stdout


@pytest.mark.slow
@pytest.mark.usefixtures("engine")
def test_purge_as_json_prints_json_and_nothing_else(alx: Command) -> None:
    # A process of its own: here another test may have set logs up.
    program = [sys.executable, "-c", "from alx_cli.main import main; main()", "purge", "--json"]
    environment = {**os.environ, "ALX_HOME": str(alx.home)}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["requests"] == 0


@pytest.mark.parametrize(
    ("settings", "is_fine"),
    [
        ({"api_bind": "0.0.0.0:8000"}, False),
        ({"api_bind": "[::]:8000"}, False),
        ({"api_bind": "0.0.0.0:8000", "public_url": "https://alx.example.com"}, True),
        ({"api_bind": "0.0.0.0:8000", "slack_webhook_url": None}, True),
        ({"api_bind": "10.0.0.5:8000"}, True),
    ],
)
def test_the_doctor_finds_links_that_lead_to_no_address(settings: dict[str, Any], is_fine: bool) -> None:
    """Whoever was told in Slack got a link to http://0.0.0.0:8000/status."""
    found = diagnosis._channels(Settings(_env_file=None, **{"slack_webhook_url": "https://h/x", **settings}))
    assert found.ok is is_fine
    assert ("Set ALX_PUBLIC_URL" in found.detail) is not is_fine
