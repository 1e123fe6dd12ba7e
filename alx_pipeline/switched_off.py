"""Which schedules and sensors somebody switched off in Dagit, out of Dagster's own tables. Loads nothing of Dagster.

`instance.is_schedule_on` asks Dagster the same; a test keeps the two together. Source: `InstigatorsTable` in Dagster's
`schedules/schema.py`, whose bodies are JSON with the name.
"""

from urllib.parse import quote

from sqlalchemy import Engine, NullPool, create_engine, inspect, text

from alx_core.settings import Settings
from alx_core.store.engine import connect, make_engine
from alx_pipeline.dagster_home import SCHEMA

TABLE = "instigators"
STOPPED = "SELECT instigator_body FROM {table} WHERE status = 'STOPPED'"
ALL = (
    "hourly_sync_schedule", "hourly_metrics_schedule", "daily_purge_schedule", "sync_failure_sensor",
    "sync_freshness_sensor", "api_alert_sensor", "security_alert_sensor", "alert_delivery_sensor",
    "moodle_token_sensor",
)  # fmt: skip
"""Those of `definitions.py`. They are on by themselves: Dagster need not have a table yet."""


def switched_off(settings: Settings) -> list[str]:
    """Return the names of those that are off. Raises StoreUnreachable."""
    is_server = settings.database.get_backend_name() == "postgresql"
    schema = SCHEMA if is_server else None
    query = text(STOPPED.format(table=f"{SCHEMA}.{TABLE}" if is_server else TABLE))
    engine = make_engine(settings.database) if is_server else _file(settings)
    try:
        with connect(engine) as connection:
            if not inspect(connection).has_table(TABLE, schema=schema):
                return []
            stopped = connection.scalars(query).all()
            return [name for name in ALL if any(f'"{name}"' in body for body in stopped)]
    finally:
        engine.dispose()


def _file(settings: Settings) -> Engine:
    """Dagster's file, to be read alone; an empty database in memory where there is none yet."""
    path = settings.dagster_home / "schedules" / "schedules.db"
    url = f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true" if path.is_file() else "sqlite://"
    return create_engine(url, poolclass=NullPool)
