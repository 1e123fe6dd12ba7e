"""A site for one test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.frame_courses import catalogue
from support.frame_site import HOUR_S, Site
from support.quiet_site import EARLY, digesting_source, looked_at
from support.reporting_databases import migrated_engine


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with migrated_engine("sqlite", tmp_path) as engine:
        yield Site(engine, tmp_path)


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[Site]:
    with migrated_engine("postgresql", tmp_path) as engine:
        yield Site(engine, tmp_path)


@pytest.fixture(scope="session")
def noted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The reporting database after two syncs: the first one notes all digests, the second finds them true."""
    folder = tmp_path_factory.mktemp("noted")
    with migrated_engine("sqlite", folder) as engine:
        site = Site(engine, folder, digesting_source(), now=EARLY)
        site.sync()
        site.now += HOUR_S
        assert site.sync().ranges_skipped == 5
        database = Path(str(engine.url.database))
    return database.read_bytes()


@pytest.fixture
def quiet(site: Site, noted: bytes) -> Site:
    """A site with a range per learner whose digests are noted."""
    Path(str(site.engine.url.database)).write_bytes(noted)
    site.source, site.now = digesting_source(), EARLY + 2 * HOUR_S
    return site


@pytest.fixture
def courses(quiet: Site) -> Site:
    """A site with two courses whose digests are noted."""
    quiet.change(**catalogue())
    quiet.sync()
    assert looked_at(quiet.sync()) == 0
    return quiet
