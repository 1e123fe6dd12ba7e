"""Imports of what a process keeps to its end."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def that_stay() -> Iterator[None]:
    """Import inside: no search for garbage goes through what modules define, neither meanwhile nor later.

    Python's own habit would take a quarter of a short command's time, and a fifth of the code location's.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
