"""What a step that fails says in Dagit, and so in alerts: one line with what to do, where the error knows that."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from alx_core.errors import AlxError
from alx_core.faults import explain


@contextmanager
def telling() -> Iterator[None]:
    """Raise errors that say what to do as Dagster's Failure; all others keep their traceback."""
    try:
        yield
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        is_transient = isinstance(error, AlxError) and error.is_transient
        raise dg.Failure(told, allow_retries=is_transient) from error
