"""Imports that take no longer than they must."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder


@contextmanager
def that_stay() -> Iterator[None]:
    """Import inside: no search for garbage goes through what modules define, neither meanwhile nor later.

    Python's own habit would take a quarter of a short command's time, and half of the code location's. Where all is
    imported already, nothing happens.
    """
    known = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > known:
            gc.freeze()
        gc.enable()


@contextmanager
def without(package: str) -> Iterator[None]:
    """Import inside what loads `package` where it is installed, without it: nobody here needs what that is for.

    Where it is loaded already, nothing is gained, and it stays. Afterwards it can be imported as ever.
    """
    missing = _Missing(package)
    sys.meta_path.insert(0, missing)
    try:
        yield
    finally:
        sys.meta_path.remove(missing)


class _Missing(MetaPathFinder):
    """Says of one package that it is not installed."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> None:
        if fullname == self._package:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
