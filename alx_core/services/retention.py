"""How long things are kept, and the purge of what is older. Dagster's own runs are purged by the pipeline."""

from dataclasses import asdict, dataclass

from sqlalchemy import Engine

from alx_core.domain.paging import SNAPSHOT_KEPT_S
from alx_core.domain.quota import usage_day
from alx_core.logs import get_logger
from alx_core.settings import Settings
from alx_core.store.engine import transaction
from alx_core.store.locks import writer_lock
from alx_core.store.retention import (
    CHUNK,
    purge_alerts,
    purge_history,
    purge_log,
    purge_metrics,
    purge_runs,
    purge_sessions,
    purge_tombstones,
    purge_usage,
)

log = get_logger()

DAY_S = 86_400
NEVER_PURGED_S = 3 * DAY_S
"""Whatever the settings say: missed hours of the last 48 are made up for, of the sync as of the metrics."""
LOCK_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Purged:
    """Rows that went, by what they were."""

    requests: int
    metrics: int
    usage: int
    runs: int
    alerts: int
    tombstones: int
    history: int
    sessions: int

    def counts(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def purge(
    engine: Engine, settings: Settings, *, now: int, chunk: int = CHUNK, lock_timeout_s: float = LOCK_TIMEOUT_S
) -> Purged:
    """Delete what is older than the settings allow. May be repeated, and killed, without harm.

    `chunk` is how many rows go in one transaction.
    Raises SyncLocked when a sync is writing for `lock_timeout_s` seconds: then the tombstones are left for tomorrow.
    """

    def before(days: int) -> int:
        return now - max(days * DAY_S, NEVER_PURGED_S)

    log_before = before(settings.log_retention_days)
    requests = purge_log(engine, before_ms=log_before * 1000, now_ms=now * 1000, chunk=chunk)
    metrics = purge_metrics(engine, before=before(settings.metrics_retention_days), chunk=chunk)
    usage = purge_usage(engine, before_day=usage_day(log_before, settings.zone), chunk=chunk)
    runs = purge_runs(engine, before=before(settings.run_retention_days), chunk=chunk)
    alerts = purge_alerts(engine, before=before(settings.alert_retention_days), chunk=chunk)
    sessions = purge_sessions(engine, before=now - SNAPSHOT_KEPT_S, chunk=chunk)
    with writer_lock(engine, timeout_s=lock_timeout_s):
        tombstones = purge_tombstones(engine, before=before(settings.tombstone_retention_days), chunk=chunk)
        with transaction(engine) as connection:
            history = purge_history(connection, before=now - SNAPSHOT_KEPT_S)
    purged = Purged(requests, metrics, usage, runs, alerts, tombstones, history, sessions)
    log.info("purged", **purged.counts())
    return purged
