"""The sensors: each looks at one thing, tells what it saw to the alert engine, and starts nothing.

They are thin: what is an alert is in `alx_core/domain`, what becomes of it in `alx_core/services/alerting`. Alerts are
stored first; `alert_delivery_sensor` alone talks to Slack and the mail server. All are on without a click. A tick that
fails, because a database is gone, shows red in Dagit and is repeated: nothing is lost. No sensor remembers what it saw;
one remembers when it last read an hour of the log.
"""

import dagster as dg

from alx_core.services.alert_watch import watch_api, watch_callers, watch_failures, watch_freshness, watch_unusual
from alx_core.services.delivery.outbox import deliver_due, senders_of
from alx_pipeline.resources import Alx
from alx_pipeline.run_failures import newest_failed_sync

UNUSUAL_EVERY_S = 300
"""Looking for unusual activity reads an hour of the log; the rest of a tick is a few index look-ups."""


@dg.sensor(
    name="sync_failure_sensor",
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="`sync_failed`: names the companies and the root cause; over when the next sync succeeds.",
)
def sync_failure_sensor(context: dg.SensorEvaluationContext, alx: dg.ResourceParam[Alx]) -> dg.SkipReason:
    """Look for a sync run that failed."""
    now = int(alx.clock())
    failure = newest_failed_sync(context.instance, now=now)
    with alx.reporting() as engine:
        return dg.SkipReason(str(watch_failures(engine, alx.settings(), failure, now=now)))


@dg.sensor(
    name="sync_freshness_sensor",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="`sync_stale`: the newest hour is missing for too long. `sync_error_rate`: too many bad records.",
)
def sync_freshness_sensor(alx: dg.ResourceParam[Alx]) -> dg.SkipReason:
    """Look at the table's own books, as the status page does."""
    with alx.reporting() as engine:
        return dg.SkipReason(str(watch_freshness(engine, alx.settings(), now=int(alx.clock()))))


@dg.sensor(
    name="api_alert_sensor",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="`api_slow`, `api_success_rate`, `api_cache_hit_rate` of the last complete hour.",
)
def api_alert_sensor(alx: dg.ResourceParam[Alx]) -> dg.SkipReason:
    """Look at the API's hourly metrics."""
    with alx.reporting() as engine:
        return dg.SkipReason(str(watch_api(engine, alx.settings(), now=int(alx.clock()))))


@dg.sensor(
    name="security_alert_sensor",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="`rate_limit_exceeded`, `failed_auth`, and every five minutes `unusual_activity`.",
)
def security_alert_sensor(context: dg.SensorEvaluationContext, alx: dg.ResourceParam[Alx]) -> dg.SkipReason:
    """Look at the quotas and at the request log.

    The cursor is when unusual activity was last looked for; one that a clock which ran ahead wrote down does not count.
    """
    now, settings = int(alx.clock()), alx.settings()
    with alx.reporting() as engine:
        taken = watch_callers(engine, settings, now=now)
        if not 0 <= now - int(context.cursor or 0) < UNUSUAL_EVERY_S:
            taken += watch_unusual(engine, settings, now=now)
            context.update_cursor(str(now))
    return dg.SkipReason(str(taken))


@dg.sensor(
    name="alert_delivery_sensor",
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Delivers what the outbox holds to Slack and by e-mail; what fails is tried again, later and later.",
)
def alert_delivery_sensor(alx: dg.ResourceParam[Alx]) -> dg.SkipReason:
    """Send the messages that are due, for less than a minute: `BUDGET_S` and the last try."""
    senders = senders_of(alx.settings())
    if not senders:
        return dg.SkipReason("No channel is set up: set ALX_SLACK_WEBHOOK_URL, or ALX_SMTP_URL and ALX_ALERT_EMAILS.")
    with alx.reporting() as engine:
        done = deliver_due(engine, senders, clock=alx.clock)
    return dg.SkipReason(f"{done.delivered} delivered, {done.failed} to be tried again, {done.abandoned} refused")


alert_sensors = [
    sync_failure_sensor,
    sync_freshness_sensor,
    api_alert_sensor,
    security_alert_sensor,
    alert_delivery_sensor,
]
