"""The tab Performance: how many calls, how fast, how many answered, how many from the cache, and for whom."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from alx_core.domain.api_alerts import API_ALERTS
from alx_core.domain.freshness import SyncHealth
from alx_core.domain.metrics import NO_COMPANY, Traffic
from alx_core.domain.quota import resets_at, usage_day
from alx_core.services.health import sync_health
from alx_core.services.status.open_alerts import OpenAlert
from alx_core.services.status.quotas import limit_of
from alx_core.services.status.traffic import RecentTraffic, TrafficReader
from alx_core.settings import Settings
from alx_core.store.monitoring.security import Usage, list_open_alerts, list_usage
from alx_core.store.monitoring.syncs import count_rows

CONSUMERS = 10
ALERTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """Calls in figures; a share or time is None where nothing was called, a percentile where it is not known."""

    calls: int
    errors: int
    rows: int
    bytes: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    success_pct: float | None
    cache_hit_pct: float | None

    @classmethod
    def of(cls, traffic: Traffic) -> "Figures":
        """Take the figures that are shown."""
        has_calls, has_times = traffic.calls > 0, bool(traffic.histogram.counts)
        return cls(
            calls=traffic.calls,
            errors=traffic.errors,
            rows=traffic.rows,
            bytes=traffic.bytes,
            mean_ms=traffic.mean_ms if has_calls else None,
            p50_ms=traffic.percentile_ms(50) if has_times else None,
            p95_ms=traffic.percentile_ms(95) if has_times else None,
            p99_ms=traffic.percentile_ms(99) if has_times else None,
            success_pct=traffic.success_pct,
            cache_hit_pct=traffic.cache_hit_pct,
        )


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of the chart; `starts_at` is its start, the last one is still running."""

    starts_at: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class Consumer:
    """A company and its calls of the last 24 h. `companyid` 0: requests without a company.

    `quota_used` counts today's calls; `quota_limit` 0 is unlimited.
    """

    companyid: int
    shortname: str
    name: str
    share_pct: float
    figures: Figures
    quota_used: int
    quota_limit: int


@dataclass(frozen=True, slots=True)
class PerformanceView:
    """The whole tab, and the thresholds its figures are judged by. `alerts`: open ones about the hour of a company."""

    health: SyncHealth
    now: int
    since: int
    total: Figures
    slow_ms: float
    success_limit_pct: float
    cache_hit_limit_pct: float
    min_calls: int
    table_rows: int
    busiest: Hour | None
    hours: Sequence[Hour]
    alerts: Sequence[OpenAlert]
    consumers: Sequence[Consumer]
    consumers_total: int
    counted_until: int | None
    quota_resets_at: int


def view_performance(connection: Connection, settings: Settings, reader: TrafficReader, *, now: int) -> PerformanceView:
    """Return the tab at `now`."""
    traffic = reader.read(connection, now=now)
    busiest = max(traffic.hours, key=lambda hour: hour[1].calls)
    hours = [Hour(start, Figures.of(each)) for start, each in traffic.hours]
    return PerformanceView(
        health=sync_health(connection, now=now, stale_after_s=settings.sync_stale_hours * 3600),
        now=now,
        since=traffic.since,
        total=Figures.of(traffic.total),
        slow_ms=settings.alert_api_slow_ms,
        success_limit_pct=settings.alert_api_success_pct,
        cache_hit_limit_pct=settings.alert_api_cache_hit_pct,
        min_calls=settings.alert_min_calls,
        table_rows=count_rows(connection),
        busiest=Hour(busiest[0], Figures.of(busiest[1])) if busiest[1].calls else None,
        hours=hours,
        alerts=[OpenAlert.of(row) for row in list_open_alerts(connection, limit=ALERTS_SHOWN, names=API_ALERTS)],
        consumers=_consumers(connection, traffic, usage_day(now, settings.zone)),
        consumers_total=len(traffic.by_company),
        counted_until=traffic.counted_until,
        quota_resets_at=resets_at(now, settings.zone),
    )


def _consumers(connection: Connection, traffic: RecentTraffic, day: str) -> list[Consumer]:
    calls = {companyid: sum(part.calls for part in parts) for companyid, parts in traffic.by_company.items()}
    biggest = sorted(calls, key=lambda companyid: (-calls[companyid], companyid))[:CONSUMERS]
    top = [(companyid, Traffic.merge(traffic.by_company[companyid])) for companyid in biggest]
    known = {each.companyid: each for each in list_usage(connection, day=day, companyids=biggest)}
    return [
        _consumer(companyid, each, known.get(companyid), share_pct=100 * each.calls / traffic.total.calls)
        for companyid, each in top
        if each.calls
    ]


def _consumer(companyid: int, traffic: Traffic, usage: Usage | None, *, share_pct: float) -> Consumer:
    unknown = "No company" if companyid == NO_COMPANY else f"Company {companyid}"
    return Consumer(
        companyid=companyid,
        shortname="" if usage is None else usage.shortname,
        name=unknown if usage is None else usage.name,
        share_pct=share_pct,
        figures=Figures.of(traffic),
        quota_used=0 if usage is None else usage.calls,
        quota_limit=0 if usage is None else limit_of(usage),
    )
