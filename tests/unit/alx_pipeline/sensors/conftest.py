"""Fixtures of the sensors: one instance of Dagster, and the real site synced up to the newest hour."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from alx_core.domain.sync import Kind, SyncRequest
from alx_core.settings import Settings
from alx_core.store.engine import open_engine
from alx_pipeline.partitions import HOUR
from alx_pipeline.resources import Alx
from support.sensor_site import NEWEST, NOW, Site


@pytest.fixture(scope="module")
def shared_instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture(scope="session")
def synced_file(site_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reporting database after one sync of the newest hour: each test has a copy."""
    settings = Settings(home=tmp_path_factory.mktemp("synced"), moodle_url=f"sqlite:///{site_file}")
    end = NEWEST + HOUR
    window = (int(NEWEST.timestamp()), int(end.timestamp()))
    Alx(lambda: settings, clock=lambda: NOW).sync(SyncRequest(Kind.HOURLY, as_of=int(NOW), window=window))
    return Path(str(settings.database.database))


@pytest.fixture
def site(shared_instance: dg.DagsterInstance, synced_file: Path, site_copy: Path, tmp_path: Path) -> Iterator[Site]:
    """The real site, synced up to the newest hour."""
    shared_instance.wipe()
    home = tmp_path / "home"
    settings = Settings(home=home, moodle_url=f"sqlite:///{site_copy}", dagster_url="http://dagit")
    with open_engine(settings.database) as engine:
        shutil.copy(synced_file, str(settings.database.database))
        yield Site(settings, site_copy, shared_instance, engine, NOW)
