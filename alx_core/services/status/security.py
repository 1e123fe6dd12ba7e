"""The tab Security: who may call, who was refused, who looks like an attack, and which alerts are open."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from alx_core.domain.freshness import HOUR_S, SyncHealth
from alx_core.domain.metrics import NO_COMPANY
from alx_core.domain.quota import WARN_SHARE, resets_at, usage_day
from alx_core.services.health import sync_health
from alx_core.services.status.open_alerts import OpenAlert
from alx_core.services.status.quotas import limit_of
from alx_core.settings import Settings
from alx_core.store.monitoring.refusals import (
    ErrorGroup,
    FailedAuth,
    QuotaRefusals,
    Suspect,
    count_failed_auth,
    count_quota_refusals,
    find_companies,
    find_suspects,
    list_errors,
)
from alx_core.store.monitoring.security import TokenCounts, Usage, count_tokens, list_open_alerts, list_usage

WINDOW_S = 24 * HOUR_S
EXPIRING_S = 14 * 24 * HOUR_S
"""Tokens that end within two weeks are told: time enough to make new ones before a report stops."""
ERRORS_SHOWN = 20
ALERTS_SHOWN = 50
VIOLATIONS_SHOWN = 20
SUSPECTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Violation:
    """A company at or near the end of its quota, or refused for it. `until`: when its calls are let in again."""

    companyid: int
    shortname: str
    name: str
    used: int
    limit: int
    used_pct: float | None
    refused: int
    last_refused_at: int | None
    until: int | None

    @property
    def is_used_up(self) -> bool:
        """Whether its calls are refused now."""
        return self.until is not None

    @property
    def is_near(self) -> bool:
        """Whether the company is warned: 80 % used, and not all."""
        return not self.is_used_up and (self.used_pct or 0) >= 100 * WARN_SHARE


@dataclass(frozen=True, slots=True)
class RecentError:
    """Refused requests of one kind; `name` is the company's, empty when it is not known."""

    group: ErrorGroup
    name: str


@dataclass(frozen=True, slots=True)
class SecurityView:
    """The whole tab, and the thresholds its figures are judged by.

    `used_up` and `near` are companies at 100 % and from 80 % of the day's quota on. `suspects` are the worst of
    `suspect_addresses` and `suspect_keys`. `unusual`: such alerts, open.
    """

    health: SyncHealth
    now: int
    since: int
    tokens: TokenCounts
    failed_auth: FailedAuth
    failed_auth_limit: int
    refused: int
    suspects: Sequence[Suspect]
    suspect_addresses: int
    suspect_keys: int
    violations: Sequence[Violation]
    violations_total: int
    used_up: int
    near: int
    errors: Sequence[RecentError]
    alerts: Sequence[OpenAlert]
    alerts_total: int
    unusual: int
    quota_resets_at: int

    @property
    def suspicious(self) -> int:
        """Addresses and keys that look like guessing, and whatever else is out of the ordinary."""
        return self.suspect_addresses + self.suspect_keys + self.unusual


def view_security(connection: Connection, settings: Settings, *, now: int) -> SecurityView:
    """Return the tab at `now`."""
    since = now - WINDOW_S
    refused = count_quota_refusals(connection, since=since)
    errors = list_errors(connection, since=since, limit=ERRORS_SHOWN)
    usages = list_usage(connection, day=usage_day(now, settings.zone))
    alerts = list_open_alerts(connection, limit=ALERTS_SHOWN)
    suspects = find_suspects(connection, since=since, failures=settings.alert_failed_auth, limit=SUSPECTS_SHOWN)
    names = find_companies(connection, sorted({*refused, *(each.companyid for each in errors if each.companyid)}))
    until = resets_at(now, settings.zone)
    violations = find_violations(usages, refused, names, until=until)
    return SecurityView(
        health=sync_health(connection, now=now, stale_after_s=settings.sync_stale_hours * HOUR_S),
        now=now,
        since=since,
        tokens=count_tokens(connection, now=now, expiring_before=now + EXPIRING_S),
        failed_auth=count_failed_auth(connection, since=since),
        failed_auth_limit=settings.alert_failed_auth,
        refused=sum(each.calls for each in refused.values()),
        suspects=suspects.worst,
        suspect_addresses=suspects.addresses,
        suspect_keys=suspects.keys,
        violations=violations[:VIOLATIONS_SHOWN],
        violations_total=len(violations),
        used_up=sum(each.is_used_up for each in violations),
        near=sum(each.is_near for each in violations),
        errors=[RecentError(each, _name(names, each.companyid)) for each in errors],
        alerts=[OpenAlert.of(row) for row in alerts],
        alerts_total=int(alerts[0]["total"]) if alerts else 0,
        unusual=int(alerts[0]["unusual"]) if alerts else 0,
        quota_resets_at=until,
    )


def find_violations(
    usages: Iterable[Usage],
    refused: Mapping[int, QuotaRefusals],
    names: Mapping[int, Mapping[str, Any]],
    *,
    until: int,
) -> list[Violation]:
    """Return who used up 80 % of the day's quota or more, or was refused in the window; the fullest first."""
    known = {usage.companyid: usage for usage in usages}
    near = [key for key, usage in known.items() if limit_of(usage) and usage.calls >= WARN_SHARE * limit_of(usage)]
    violations = [
        _violation(companyid, known.get(companyid), refused.get(companyid), names, until=until)
        for companyid in {*near, *refused}
    ]
    return sorted(violations, key=lambda each: (-(each.used_pct or 0), -each.refused, each.companyid))


def _violation(
    companyid: int,
    usage: Usage | None,
    refusals: QuotaRefusals | None,
    names: Mapping[int, Mapping[str, Any]],
    *,
    until: int,
) -> Violation:
    used, limit = (usage.calls, limit_of(usage)) if usage is not None else (0, 0)
    known = names.get(companyid, {})
    unknown = "No company" if companyid == NO_COMPANY else f"Company {companyid}"
    return Violation(
        companyid=companyid,
        shortname=usage.shortname if usage else known.get("shortname", ""),
        name=usage.name if usage else known.get("name", unknown),
        used=used,
        limit=limit,
        used_pct=100 * used / limit if limit else None,
        refused=refusals.calls if refusals else 0,
        last_refused_at=refusals.last_at if refusals else None,
        until=until if limit and used >= limit else None,
    )


def _name(names: Mapping[int, Mapping[str, Any]], companyid: int | None) -> str:
    if companyid is None:
        return ""
    return str(names[companyid]["name"]) if companyid in names else f"Company {companyid}"
