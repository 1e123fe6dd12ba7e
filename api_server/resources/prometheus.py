"""`/metrics`: the state of the installation for Prometheus, from the tables, so the same whichever process answers.

Gauges over the last 24 hours instead of counters: several processes count into one database, and a scrape that reaches
another one must not see a counter go back. No company is named.
"""

from collections.abc import Callable, Iterator

import falcon
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from alx_core.domain.freshness import Freshness
from alx_core.services.health import sync_health
from alx_core.services.status.traffic import TrafficReader
from alx_core.settings import Settings
from alx_core.store.monitoring.refusals import count_failed_auth
from alx_core.store.monitoring.security import list_open_alerts
from alx_core.store.monitoring.syncs import count_rows
from api_server.database import Database
from api_server.status.credentials import require_password
from api_server.status.gate import Gate, is_local

PERCENTILES = (50, 95, 99)
SEVERITIES = ("critical", "warning", "info")
MOST_ALERTS = 1_000
DAY_S = 86_400


class PrometheusResource:
    """The figures, for this machine or for whoever knows ALX_STATUS_PASSWORD."""

    def __init__(self, database: Database, settings: Settings, clock: Callable[[], float]) -> None:
        """Keep the collaborators."""
        self._database = database
        self._settings = settings
        self._clock = clock
        self._gate = Gate(settings, clock)
        self._traffic = TrafficReader()

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """200 the figures; 401 without the password (Basic or Bearer), 403 where none is set; 429, 503 no database."""
        with self._database.connection() as connection:
            self._require_right(req, connection)
            registry = CollectorRegistry(auto_describe=False)
            registry.register(_Collected(list(self._gauges(connection))))
            resp.data = generate_latest(registry)
        resp.content_type = CONTENT_TYPE_LATEST

    def _require_right(self, req: falcon.Request, connection: Connection) -> None:
        if is_local(req):
            return
        if self._gate.sessions is None:
            raise falcon.HTTPForbidden(description="Set ALX_STATUS_PASSWORD to read this from another machine.")
        require_password(req, connection, self._gate, self._gate.sessions, int(self._clock()))

    def _gauges(self, connection: Connection) -> Iterator[GaugeMetricFamily]:
        now = int(self._clock())
        health = sync_health(connection, now=now, stale_after_s=self._settings.sync_stale_hours * 3600)
        stale = float(health.freshness is not Freshness.FRESH)
        yield _gauge("alx_sync_stale", "1 when the newest hour was not synced in time", stale)
        if health.last_success_at is not None:
            yield _gauge(
                "alx_sync_last_success_timestamp_seconds", "When the newest hour was synced", health.last_success_at
            )
        yield _gauge("alx_reporting_rows", "Rows of the reporting table", count_rows(connection))
        total = self._traffic.read(connection, now=now).total
        yield _gauge("alx_api_requests_24h", "Requests of the last 24 hours", total.calls)
        yield _gauge("alx_api_errors_24h", "Of these, refused or failed", total.errors)
        yield _gauge(
            "alx_api_failed_authentications_24h",
            "Of these, with a wrong key",
            count_failed_auth(connection, since=now - DAY_S).calls,
        )
        yield _gauge("alx_api_quota_refusals_24h", "Of these, beyond the quota", total.quota_refusals)
        yield _gauge("alx_api_cache_hits_24h", "Of these, from the cache", total.cache_hits)
        times = GaugeMetricFamily("alx_api_response_seconds_24h", "Response times", labels=["quantile"])
        for percent in PERCENTILES:
            times.add_metric([str(percent / 100)], total.percentile_ms(percent) / 1000)
        yield times
        yield _alerts(connection)


class _Collected(Collector):
    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        return iter(self._families)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _alerts(connection: Connection) -> GaugeMetricFamily:
    found = [row["severity"] for row in list_open_alerts(connection, limit=MOST_ALERTS)]
    family = GaugeMetricFamily("alx_alerts_open", "Incidents that are not over", labels=["severity"])
    for severity in SEVERITIES:
        family.add_metric([severity], found.count(severity))
    return family
