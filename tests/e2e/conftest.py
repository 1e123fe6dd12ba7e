"""Fixtures of the end-to-end tests: installations as an administrator makes them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.databases import plain, scratch_database
from support.site import site_on_server
from support.stack import Stack


@pytest.fixture
def embedded(site_copy: Path, tmp_path: Path) -> Iterator[Stack]:
    """The real site in SQLite, everything else in SQLite too: nothing to install."""
    stack = Stack(tmp_path / "home", {"ALX_MOODLE_URL": f"sqlite:///{site_copy}"})
    yield stack
    stack.kill()


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Stack]:
    """The real site in MariaDB, the reporting table and Dagster in PostgreSQL."""
    with site_on_server("mysql") as moodle, scratch_database("postgresql") as reporting:
        stack = Stack(tmp_path / "home", {"ALX_MOODLE_URL": plain(moodle), "ALX_DATABASE_URL": plain(reporting)})
        yield stack
        stack.kill()


@pytest.fixture(params=["embedded", "production"])
def stack(request: pytest.FixtureRequest) -> Stack:
    """An installation of either kind."""
    made: Stack = request.getfixturevalue(request.param)
    return made
