"""A site for one test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.frame_site import Site
from support.reporting_databases import migrated_engine


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with migrated_engine("sqlite", tmp_path) as engine:
        yield Site(engine, tmp_path)


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[Site]:
    with migrated_engine("postgresql", tmp_path) as engine:
        yield Site(engine, tmp_path)
