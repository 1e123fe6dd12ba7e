"""`alx alerts`: list, acknowledge and end alerts, and try the channels."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import click
from rich.markup import escape
from sqlalchemy import Engine

from alx_cli.output import ago, lines, make_table, print_json, print_table, stdout, when
from alx_core.clock import system_clock
from alx_core.domain.alerts import AlertState, Severity
from alx_core.domain.messages import DeliveryState
from alx_core.errors import SettingsError
from alx_core.logs import configure_logs
from alx_core.services.alert_watch import policy_of
from alx_core.services.alerting import acknowledge, queue_test
from alx_core.services.alerting import resolve as resolve_alert
from alx_core.services.delivery.outbox import deliver_due, senders_of
from alx_core.services.schema import prepare
from alx_core.settings import load_settings
from alx_core.store.alerts import list_alerts
from alx_core.store.engine import connect, open_engine, transaction
from alx_core.store.outbox import list_deliveries
from alx_core.store.schema import require_current

STYLES = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
NO_CHANNEL = "No channel is set up. Set ALX_SLACK_WEBHOOK_URL, or ALX_SMTP_URL and ALX_ALERT_EMAILS."

ALERT_ID = click.IntRange(1, 2**63 - 1)
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")


@click.group()
def command() -> None:
    """List, acknowledge and end alerts, and try the channels."""


@command.command("list")
@click.option("--all", "with_resolved", is_flag=True, help="Also those that are over.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many, newest first.")
@as_json_option
def list_(with_resolved: bool, limit: int, as_json: bool) -> None:
    """Show the alerts that are not over, and how their messages fared."""
    with open_engine(load_settings().database) as engine:
        require_current(engine)
        with connect(engine) as connection:
            alerts = list_alerts(connection, limit=limit, only_open=not with_resolved)
            deliveries = list_deliveries(connection, [each["id"] for each in alerts])
    for alert in alerts:
        alert["deliveries"] = [each for each in deliveries if each["alert_id"] == alert["id"]]
    if as_json:
        print_json(alerts)
    elif not alerts:
        stdout.print("No alerts." if with_resolved else "No open alerts.")
    else:
        print_table(_table(alerts))


@command.command()
@click.argument("alert_ids", metavar="ID...", type=ALERT_ID, nargs=-1, required=True)
def ack(alert_ids: Sequence[int]) -> None:
    """Say that somebody takes care of an alert. No reminders until it is over, or gets worse."""
    with open_engine(load_settings().database) as engine:
        require_current(engine)
        with transaction(engine) as connection:
            for alert_id in alert_ids:
                acknowledge(connection, alert_id, now=int(time.time()))
    stdout.print(f"Acknowledged: {', '.join(map(str, alert_ids))}. No reminders until it is over, or gets worse.")


@command.command()
@click.argument("alert_ids", metavar="ID...", type=ALERT_ID, nargs=-1, required=True)
def resolve(alert_ids: Sequence[int]) -> None:
    """End alerts by hand. What is still the case comes back, and is told after the cool-down."""
    settings = load_settings()
    with open_engine(settings.database) as engine:
        require_current(engine)
        with transaction(engine) as connection:
            for alert_id in alert_ids:
                resolve_alert(connection, alert_id, policy_of(settings), now=int(time.time()))
    stdout.print(f"Ended: {', '.join(map(str, alert_ids))}.")


@command.command()
@as_json_option
def test(as_json: bool) -> None:
    """Send a test message to every channel that is set up.

    Says how each fared. Exits with 1 when one of them failed, or none is set up.
    """
    configure_logs("text", level=logging.CRITICAL)  # the command says itself how each channel fared
    settings = load_settings()
    senders = senders_of(settings)
    if not senders:
        raise SettingsError(NO_CHANNEL)
    with open_engine(settings.database) as engine:
        prepare(engine)
        with transaction(engine) as connection:
            alert_id = queue_test(
                connection, senders.keys(), link=f"{settings.public_link}/status", now=int(time.time())
            )
        deliver_due(engine, senders, clock=system_clock)
        results = _results(engine, alert_id)
    if as_json:
        print_json(results)
    else:
        for each in results:
            mark = "[green]ok  [/]" if each["ok"] else "[bold red]fail[/]"
            stdout.print(f"{mark} [bold]{each['channel']}[/]: {escape(each['detail'])}")
    if not all(each["ok"] for each in results):
        raise SystemExit(1)


def _results(engine: Engine, alert_id: int) -> list[dict[str, Any]]:
    with connect(engine) as connection:
        deliveries = list_deliveries(connection, [alert_id])
    return [
        {
            "channel": each["channel"],
            "ok": each["state"] == DeliveryState.DELIVERED,
            "detail": each["last_error"]
            or ("delivered" if each["state"] == DeliveryState.DELIVERED else each["state"]),
        }
        for each in deliveries
    ]


def _table(alerts: list[dict[str, Any]]) -> Any:
    table = make_table(None, ["Id", "Severity", "Alert", "About", "State", "Since", "What", "Messages"])
    for each in alerts:
        severity = Severity(each["severity"])
        table.add_row(
            str(each["id"]),
            f"[{STYLES[severity]}]{severity}[/]",
            each["alert"],
            escape(each["subject"] or "all"),
            each["state"],
            _since(each),
            escape(f"{each['title']}. {each['message']}"),
            lines(map(_delivery, each["deliveries"])) if each["deliveries"] else "none",
        )
    return table


def _since(alert: dict[str, Any]) -> str:
    if alert["state"] == AlertState.RESOLVED:
        return f"{when(alert['opened_at'])}, over after {ago(alert['resolved_at'] - alert['opened_at'])}"
    return when(alert["opened_at"])


def _delivery(delivery: dict[str, Any]) -> str:
    text = f"{delivery['kind']} by {delivery['channel']}: {delivery['state']}"
    return f"{text} ({delivery['last_error']})" if delivery["last_error"] else text
