"""`alx migrate` on an installation that an older Dagster has made: its tables follow, and what is in them stays."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import dagster_postgres.run_storage.run_storage as on_postgresql
import pytest
from dagster._core.storage.runs.sqlite import sqlite_run_storage as on_sqlite
from dagster._core.storage.sql import get_alembic_config, run_alembic_downgrade
from dagster_postgres.utils import pg_alembic_config
from sqlalchemy import inspect, text
from sqlalchemy.engine import URL

from alx_cli.orphans import OUTDATED
from alx_core.settings import Settings
from alx_pipeline.dagster_home import prepare_home
from alx_pipeline.instance import open_instance, revisions
from support.command import Command
from support.databases import plain

OLDER = "63d7a8ec641a"
"""Dagster's revision 44: backfills have no tags yet."""


@pytest.fixture
def settings(reporting_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation that Dagster has run in, and its environment."""
    made = Settings(home=tmp_path / "home", database_url=plain(reporting_url))
    for name, value in prepare_home(made).items():
        monkeypatch.setenv(name, value)
    with open_instance(made.dagster_home) as instance:
        instance.add_run(dg.DagsterRun("hourly_sync", run_id="before"))
    return made


@pytest.fixture
def alx(settings: Settings) -> Command:
    return Command(settings.home, ALX_DATABASE_URL=plain(settings.database))


def alembic_of(storage: Any) -> Any:
    is_server = isinstance(storage, on_postgresql.PostgresRunStorage)
    return pg_alembic_config(on_postgresql.__file__) if is_server else get_alembic_config(on_sqlite.__file__)


def test_an_older_dagsters_tables_are_brought_up_to_date_and_keep_what_is_in_them(
    settings: Settings, alx: Command
) -> None:
    with open_instance(settings.dagster_home) as instance:
        newest = revisions(instance)[1]
        storage: Any = instance.run_storage
        with storage.connect() as connection:
            run_alembic_downgrade(alembic_of(storage), connection, OLDER)
        assert revisions(instance) == (OLDER, newest)
        assert not has_backfill_tags(storage)
    started = subprocess.run(
        [sys.executable, "-m", "alx_cli.orphans"],
        env={**os.environ, **alx.environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert started.stderr == OUTDATED
    assert f"Dagster's tables migrated from {OLDER} to revision {newest}.\n" in alx.run("migrate").stdout
    assert f"Dagster's tables are up to date (revision {newest}).\n" in alx.run("migrate").stdout
    with open_instance(settings.dagster_home) as instance:
        assert has_backfill_tags(instance.run_storage)
        assert [run.run_id for run in instance.get_runs()] == ["before"]


def has_backfill_tags(storage: Any) -> bool:
    with storage.connect() as connection:
        return bool(inspect(connection).has_table("backfill_tags"))


def test_a_newer_dagsters_tables_are_left_alone(settings: Settings, alx: Command) -> None:
    with open_instance(settings.dagster_home) as instance:
        storage: Any = instance.run_storage
        with storage.connect() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'of tomorrow'"))
    done = alx.run("migrate")
    assert done.code == 1
    assert "Dagster's tables are those of a newer one: install that." in done.stderr


def test_where_dagster_has_not_been_its_tables_are_not_made(tmp_path: Path) -> None:
    alx = Command(tmp_path / "home")
    assert "Dagster" not in alx.run("migrate").stdout
    assert not (tmp_path / "home" / "dagster").exists()
