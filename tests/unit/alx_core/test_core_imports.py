"""Imports that leave something out, or that no search for garbage goes through."""

import gc
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alx_core import imports


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that can be imported, and one (`wants_it`) that does so where it can."""
    (tmp_path / "heavy_thing.py").write_text("")
    (tmp_path / "wants_it.py").write_text("try:\n    import heavy_thing\nexcept ImportError:\n    heavy_thing = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "heavy_thing"
    for name in ("heavy_thing", "wants_it"):
        sys.modules.pop(name, None)


def test_a_package_that_is_left_out_can_be_imported_afterwards(package: str) -> None:
    with imports.without(package):
        assert importlib.import_module("wants_it").heavy_thing is None
    assert importlib.import_module(package).__name__ == package


def test_a_package_that_is_loaded_already_stays(package: str) -> None:
    loaded = importlib.import_module(package)
    with imports.without(package):
        assert importlib.import_module("wants_it").heavy_thing is loaded


def test_an_import_that_fails_leaves_everything_as_it_was(package: str) -> None:
    finders = list(sys.meta_path)
    with pytest.raises(ZeroDivisionError), imports.that_stay(), imports.without(package):
        _ = 1 / 0
    assert sys.meta_path == finders
    assert gc.isenabled()


def test_what_is_imported_to_stay_is_left_out_of_searches_and_nothing_else_is(package: str) -> None:
    with imports.that_stay():
        importlib.import_module("wants_it")
    frozen = gc.get_freeze_count()
    assert frozen > 0
    with imports.that_stay():  # nothing new: what lives now may still become garbage
        importlib.import_module(package)
    assert gc.get_freeze_count() == frozen
    gc.unfreeze()
