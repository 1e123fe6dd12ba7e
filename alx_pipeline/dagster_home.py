"""`DAGSTER_HOME`: where Dagster keeps runs and events, and how many runs go at once. Loads nothing of Dagster.

Embedded it is SQLite under `ALX_HOME`; where the reporting database is PostgreSQL, Dagster's tables lie beside it in
a schema of their own. `dagster.yaml` is written anew from the settings at each start and by each `alx sync`, `alx demo`
and `alx purge`: change those, not the file.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import yaml
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.schema import CreateSchema

from alx_core.settings import Settings
from alx_core.store.engine import PROGRAM, connect, libpq_options, open_engine, transaction
from alx_core.store.poolers import require_no_pooler
from alx_pipeline.kept_connections import with_connections_kept_by_runs, with_kept_connections

SCHEMA = "dagster"
STORAGE_URL = "ALX_DAGSTER_STORAGE_URL"
"""Set for Dagster's processes only: `dagster.yaml` names it, so the password stays out of the file."""

KEEP_TICKS_DAYS = {"skipped": 1, "failure": 30, "success": 90}
"""Of sensors, which tick some 15,000 times a day and mostly see nothing."""


def prepare_home(settings: Settings) -> dict[str, str]:
    """Write `DAGSTER_HOME` and return the environment that Dagster's processes need.

    Raises StoreUnreachable when its PostgreSQL does not answer, and SettingsError when a pooler stands before it.
    """
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    _replace(home / "dagster.yaml", _header() + yaml.safe_dump(_config(settings), sort_keys=False))
    environment = {"DAGSTER_HOME": str(home), "ALX_HOME": str(settings.home.absolute())}
    if settings.database.get_backend_name() == "postgresql":
        require_no_pooler(settings.database)
        _create_schema(settings.database)
        environment[STORAGE_URL] = _rendered(with_kept_connections(storage_url(settings.database)))
    return environment


def code_server_environment(settings: Settings) -> dict[str, str]:
    """Return what differs for Dagster's code server, which opens an instance for each tick: its runs alone keep any."""
    if settings.database.get_backend_name() != "postgresql":
        return {}
    return {STORAGE_URL: _rendered(with_connections_kept_by_runs(storage_url(settings.database)))}


def has_tables(settings: Settings) -> bool:
    """Whether Dagster has made its tables; it does so at its first start. Raises StoreUnreachable."""
    if settings.database.get_backend_name() != "postgresql":
        return (settings.dagster_home / "history").is_dir()
    with open_engine(settings.database) as engine, connect(engine) as connection:
        return connection.scalar(text("SELECT to_regclass(:name)"), {"name": f"{SCHEMA}.runs"}) is not None


def storage_url(database: URL) -> URL:
    """Return the URL of Dagster's tables: the reporting database, schema `dagster`.

    The driver is named because SQLAlchemy 2.1 would take psycopg 3 and dagster-postgres brings psycopg 2. The limits to
    waiting are in the URL because Dagster makes the engines itself: without them a server that vanished while it was
    asked holds up the whole daemon, schedules, sensors and its own watchman, for two hours.
    """
    limits = {name: str(limit) for name, limit in libpq_options(database, f"{PROGRAM} dagster").items()}
    return database.set(drivername="postgresql+psycopg2").update_query_dict(
        {**limits, "options": f"-csearch_path={SCHEMA}"}
    )


def _rendered(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _header() -> str:
    return "# Written by alx at each start, from its settings. Changes here do not last.\n"


def _replace(path: Path, text: str) -> None:
    """Write a file that others may be reading: they find the old one or the new one, never half of it.

    Dagster takes an empty file for an instance on SQLite, in which none of the runs is.
    """
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _config(settings: Settings) -> Mapping[str, object]:
    config: dict[str, object] = {
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},  # no pop-up that asks operators for their address
        "python_logs": {"python_log_level": "WARNING"},  # of what a run prints; its events are stored whatever it says
        "run_queue": {"dequeue_interval_seconds": 1},
        "concurrency": {"pools": {"granularity": "run", "default_limit": 1}},
        "run_launcher": {"module": "alx_pipeline.run_launcher", "class": "WatchedRunLauncher"},
        "run_monitoring": {
            "enabled": True,
            "start_timeout_seconds": 120,
            "cancel_timeout_seconds": 60,
            "max_runtime_seconds": settings.sync_max_runtime_s,
            "max_resume_run_attempts": 0,
            "poll_interval_seconds": 5,
        },
        # A worker that crashed is started again once; a sync that failed is made up for by the schedule.
        "run_retries": {"enabled": True, "max_retries": 1, "retry_on_asset_or_op_failure": False},
        "retention": {"schedule": {"purge_after_days": 90}, "sensor": {"purge_after_days": KEEP_TICKS_DAYS}},
    }
    if settings.database.get_backend_name() == "postgresql":
        config["storage"] = {"postgres": {"postgres_url": {"env": STORAGE_URL}}}
    return config


def _create_schema(database: URL) -> None:
    with open_engine(database) as engine, transaction(engine) as connection:
        if connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": SCHEMA}) is None:
            connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
