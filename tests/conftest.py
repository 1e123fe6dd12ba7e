"""Fixtures of all tests: real databases, the real site in each of them, and a pipeline over both."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine
from sqlalchemy.engine import URL

from alx_core.store.engine import open_engine
from support.databases import templates
from support.pipeline import MakePipeline, Pipeline
from support.reporting_databases import KINDS_OF_DATABASE, reporting_database
from support.site import load_real_site, site_on_server

# Whoever tries a copy has its settings in the environment, as README.md says: tests would write into these databases.
for _name in [name for name in os.environ if name.upper().startswith("ALX_") and not name.startswith("ALX_TEST_")]:
    del os.environ[_name]

# A developer's run looks for new examples each time; CI, which says whether a change may land, tries the same ones.
settings.register_profile(
    "alx",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("alx")


def pytest_configure() -> None:
    """Refuse to run beside a `.env`: commands that tests run read it as any other would."""
    if Path(".env").exists():
        pytest.exit("There is a .env here: tests would work on its databases. Move it away.", returncode=4)


def pytest_sessionfinish() -> None:
    """Drop the databases that others were copied from."""
    templates.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> URL:
    """A SQLite file that does not exist yet."""
    return URL.create("sqlite", database=str(tmp_path / "reporting.sqlite"))


@pytest.fixture(scope="session")
def site_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real site in one SQLite file. To be copied, never changed."""
    path = tmp_path_factory.mktemp("site") / "moodle.sqlite"
    load_real_site(URL.create("sqlite", database=str(path)))
    return path


@pytest.fixture
def site_copy(site_file: Path, tmp_path: Path) -> Path:
    """A copy of the real site that a test may change."""
    copy = tmp_path / "moodle.sqlite"
    copy.write_bytes(site_file.read_bytes())
    return copy


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def moodle_url(request: pytest.FixtureRequest) -> Iterator[URL]:
    """The real site in each kind of database that Moodle runs on; the test may change it."""
    if request.param == "sqlite":
        yield URL.create("sqlite", database=str(request.getfixturevalue("site_copy")))
        return
    with site_on_server(request.param) as url:
        yield url


@pytest.fixture(params=KINDS_OF_DATABASE)
def reporting_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """A reporting database of each kind: empty, or migrated where what the test asks for would do that first."""
    is_migrated = not {"reporting_engine", "make_pipeline"}.isdisjoint(request.fixturenames)
    with reporting_database(request.param, tmp_path, is_migrated=is_migrated) as url:
        yield url


@pytest.fixture
def reporting_engine(reporting_url: URL) -> Iterator[Engine]:
    """An engine on a migrated reporting database of each kind, without a row: that of `reporting_url`."""
    with open_engine(reporting_url) as engine:
        yield engine


@pytest.fixture
def make_pipeline(tmp_path: Path) -> Iterator[MakePipeline]:
    """A function (Moodle's URL, reporting URL) -> Pipeline."""
    made: list[Pipeline] = []

    def make(moodle: URL, reporting: URL) -> Pipeline:
        made.append(Pipeline.over(moodle, reporting, home=tmp_path / "home"))
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.close()
