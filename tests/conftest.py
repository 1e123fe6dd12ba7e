"""Fixtures of all tests: real databases, the real site in each of them, and a pipeline over both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL

from alx_core.store.engine import open_engine
from support.databases import scratch_database
from support.pipeline import MakePipeline, Pipeline
from support.reporting_databases import reporting_database, templates
from support.site import TABLES

settings.register_profile(
    "alx", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("alx")


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
    from alx_cli.demo.moodle_schema import load_site  # noqa: PLC0415  # unit tests do without the demo

    path = tmp_path_factory.mktemp("site") / "moodle.sqlite"
    engine = create_engine(f"sqlite:///{path}")
    load_site(engine, TABLES)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def site_template() -> Iterator[str]:
    """The name of a PostgreSQL database with the real site, to be copied."""
    from alx_cli.demo.moodle_schema import load_site  # noqa: PLC0415  # unit tests do without the demo

    with scratch_database("postgresql") as url:
        engine = create_engine(url)
        load_site(engine, TABLES)
        engine.dispose()
        yield str(url.database)


@pytest.fixture
def site_copy(site_file: Path, tmp_path: Path) -> Path:
    """A copy of the real site that a test may change."""
    copy = tmp_path / "moodle.sqlite"
    copy.write_bytes(site_file.read_bytes())
    return copy


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def moodle_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """The real site in each kind of database that Moodle runs on; the test may change it."""
    yield from _site_in(request, tmp_path, request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def reporting_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """A reporting database of each kind: empty, or migrated where the test asks for `reporting_engine` too."""
    is_migrated = "reporting_engine" in request.fixturenames
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


def _site_in(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> Iterator[URL]:
    from alx_cli.demo.moodle_schema import load_site  # noqa: PLC0415  # unit tests do without the demo

    if kind == "sqlite":
        copy = tmp_path / "moodle.sqlite"
        copy.write_bytes(request.getfixturevalue("site_file").read_bytes())
        yield URL.create("sqlite", database=str(copy))
        return
    if kind == "postgresql":
        with scratch_database(kind, template=request.getfixturevalue("site_template")) as url:
            yield url
        return
    with scratch_database(kind) as url:
        engine = create_engine(url)
        load_site(engine, TABLES)
        engine.dispose()
        yield url
