"""What the sensors look at: the sync's books, the API's metrics, its log. Each look is taken in at once.

A look is repeated every minute or so and says the same as long as nothing changes, so it may be missed, repeated or
killed without harm: nothing here remembers anything but the incidents themselves.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, Engine

from alx_core.domain.alerts import AlertName, Judgement
from alx_core.domain.api_alerts import judge_api_hour
from alx_core.domain.freshness import HOUR_S
from alx_core.domain.quota import resets_at, usage_day
from alx_core.domain.security_alerts import QuotaUse, judge_quotas, judge_refusals, judge_unusual
from alx_core.domain.sync_alerts import SyncFailure, failures_of, judge_error_rate, judge_failure, judge_staleness
from alx_core.services.alerting import Policy, Taken, take_in
from alx_core.services.api_hours import api_limits, company_hours
from alx_core.services.company_settings import settings_in_force
from alx_core.services.delivery.outbox import senders_of
from alx_core.services.health import sync_health
from alx_core.services.unusual import find_unusual
from alx_core.settings import Settings
from alx_core.store.access import calls_on
from alx_core.store.alert_sources import (
    first_try_at,
    newest_errors,
    newest_failure,
    newest_success,
    number_of,
    refusals_since,
    shortnames,
)
from alx_core.store.alerts import find_incidents
from alx_core.store.engine import connect, transaction
from alx_core.store.metrics import load_hours


def policy_of(settings: Settings) -> Policy:
    """Return how alerts are told by these settings."""
    return Policy(senders_of(settings).keys(), settings.alert_cooldown_minutes * 60)


def watch_failures(engine: Engine, settings: Settings, failure: SyncFailure | None, *, now: int) -> Taken:
    """Look for a sync that failed: in the books, and in `failure`, the newest that Dagster knows of.

    Dagster knows also of runs that died before they reached the books; the books also of those of `alx sync`.
    """
    with connect(engine) as connection:
        incidents = find_incidents(connection, {AlertName.SYNC_FAILED})
        if failure is not None and failure.run_id is not None:
            failure = replace(failure, number=number_of(connection, failure.run_id))
        judgement = judge_failure(
            failures_of(failure, newest_failure(connection)),
            success=newest_success(connection),
            incident=incidents[0] if incidents else None,
            companies=sorted(shortnames(connection).values()),
            dagster=settings.dagster_link,
            now=now,
        )
    return _take(engine, judgement, settings, now)


def watch_freshness(engine: Engine, settings: Settings, *, now: int) -> Taken:
    """Look whether the newest hour is there, as the status page does, and how many records of the last sync were bad.

    Looks at the newest hour and not at the newest event: a backfill of an old hour says nothing of the newest one.
    """
    stale_after_s = settings.sync_stale_hours * HOUR_S
    with connect(engine) as connection:
        stale = judge_staleness(
            sync_health(connection, now=now, stale_after_s=stale_after_s),
            first_try_at=first_try_at(connection),
            stale_after_s=stale_after_s,
            dagster=settings.dagster_link,
        )
        errors = judge_error_rate(
            newest_errors(connection), limit_pct=settings.alert_sync_error_pct, dagster=settings.dagster_link
        )
    return _take(engine, stale, settings, now) + _take(engine, errors, settings, now)


def watch_api(engine: Engine, settings: Settings, *, now: int) -> Taken:
    """Look at the metrics of the last complete hour; one that was not counted yet is not judged."""
    hour = now - now % HOUR_S - HOUR_S
    limits = api_limits(settings)
    with connect(engine) as connection:
        metrics = load_hours(connection, start=hour, end=hour + HOUR_S)
        companies = company_hours(connection, metrics, shortnames(connection), limits)
    judgement = judge_api_hour(hour, companies, limits=limits, public=settings.public_link)
    return _take(engine, judgement, settings, now)


def watch_callers(engine: Engine, settings: Settings, *, now: int) -> Taken:
    """Look at the quotas of the day and at the failed authentications of the last 60 minutes."""
    with connect(engine) as connection:
        quotas = judge_quotas(
            _quota_uses(connection, usage_day(now, settings.zone)),
            resets_at=f"{datetime.fromtimestamp(resets_at(now, settings.zone), settings.zone):%Y-%m-%d %H:%M %Z}",
            public=settings.public_link,
        )
        limit = settings.alert_failed_auth
        refusals = judge_refusals(
            refusals_since(connection, since=now - HOUR_S, at_least=limit), limit=limit, public=settings.public_link
        )
    return _take(engine, quotas, settings, now) + _take(engine, refusals, settings, now)


def watch_unusual(engine: Engine, settings: Settings, *, now: int) -> Taken:
    """Look for unusual activity in the last complete hour and in the one that is not over yet."""
    hour = now - now % HOUR_S
    with connect(engine) as connection:
        found = [
            finding
            for start in (hour, hour - HOUR_S)
            for finding in find_unusual(connection, hour=start, now=now, zone=settings.zone)
        ]
        judgement = judge_unusual(found, shortnames=shortnames(connection), public=settings.public_link)
    return _take(engine, judgement, settings, now)


def _quota_uses(connection: Connection, day: str) -> list[QuotaUse]:
    names, settings_of = shortnames(connection), settings_in_force(connection)
    return [
        QuotaUse(companyid, names[companyid], calls, settings_of(companyid).rate_limit)
        for companyid, calls in sorted(calls_on(connection, day).items())
        if companyid in names
    ]


def _take(engine: Engine, judgement: Judgement, settings: Settings, now: int) -> Taken:
    """Take a judgement in. Where all is well and was before, nothing is written: a sync may be writing meanwhile."""
    if not judgement.bad:
        with connect(engine) as connection:
            if not find_incidents(connection, judgement.alerts):
                return Taken()
    with transaction(engine) as connection:
        return take_in(connection, judgement, policy_of(settings), now=now)
