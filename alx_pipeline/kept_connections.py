"""Connections that Dagster keeps instead of opening one for each statement: an SQLAlchemy plugin that its URL names.

Dagster's storage on PostgreSQL pools no connections. Its daemon looks for work several times a second, so that on a
quiet day nearly all that the installation costs the server is connections that come and go.
"""

import multiprocessing
from typing import Any

from sqlalchemy import CreateEnginePlugin, NullPool
from sqlalchemy.engine import URL

PLUGIN = "alx_kept_connections"
"""The name of the entry point in `pyproject.toml`."""

POOL = {"pool_size": 1, "max_overflow": 20, "pool_recycle": 600}
"""Threads that meet open one more and close it again: few do, each storage having an engine of its own."""


KEEPERS = "kept_by"
"""The option of the URL that says who keeps connections: everybody without it, or runs alone."""
RUNS = "runs"


class KeptConnections(CreateEnginePlugin):
    """Gives an engine without a pool one of its own, and has each engine ask a kept connection whether it still lives.

    Not for a process that makes engines again and again, for connections kept go only when an engine is collected:
    Dagster's code server does, the runs that it starts, each a process of its own, do not.
    """

    def __init__(self, url: URL, kwargs: dict[str, Any]) -> None:
        """Change the arguments of `create_engine`, as plugins do."""
        if url.query.get(KEEPERS) == RUNS and not _is_started_by_python():
            return
        if kwargs.get("poolclass") is NullPool:
            del kwargs["poolclass"]
            kwargs.update(POOL)
        kwargs["pool_pre_ping"] = True

    def update_url(self, url: URL) -> URL:
        """Take our option out of the URL; SQLAlchemy takes the plugin's name out of it."""
        return url.difference_update_query([KEEPERS])


def with_kept_connections(url: URL) -> URL:
    """Return `url` for engines that keep their connections."""
    return url.update_query_dict({"plugin": PLUGIN})


def with_connections_kept_by_runs(url: URL) -> URL:
    """Return `url` for Dagster's code server and the runs that it starts: these alone keep connections."""
    return with_kept_connections(url).update_query_dict({KEEPERS: RUNS})


def _is_started_by_python() -> bool:
    """Whether this is a process that `multiprocessing` started, as Dagster's code server starts a run."""
    return multiprocessing.parent_process() is not None
