"""Run one job through Dagster in this process, so that what the command line does shows in Dagit too."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from alx_core.clock import Clock, system_clock
from alx_core.domain.sync import SyncResult
from alx_core.errors import SyncError
from alx_core.logs import configure_logs
from alx_core.services.sync.listener import Listener
from alx_core.settings import Settings
from alx_pipeline.dagster_home import prepare_home
from alx_pipeline.definitions import make_definitions
from alx_pipeline.instance import open_instance
from alx_pipeline.resources import Alx
from alx_pipeline.run_failures import cause_of_step
from alx_pipeline.run_process import HOST_TAG, this_host

# The command prints its own account of the run; Dagster's goes into its event log.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class _Keeper(Listener):
    """Passes everything on and keeps the result."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.result: SyncResult | None = None
        self.waiting = listener.waiting  # type: ignore[method-assign]
        self.progress = listener.progress  # type: ignore[method-assign]

    def finished(self, result: SyncResult) -> None:
        self.result = result
        self._listener.finished(result)


def run_job(
    settings: Settings,
    job: str,
    *,
    listener: Listener,
    clock: Clock = system_clock,
    partition_key: str | None = None,
    tags: Mapping[str, str] | None = None,
    run_config: Mapping[str, Any] | None = None,
) -> SyncResult:
    """Run `job` and return the sync's result, companies that failed included.

    Raises SyncError with the message of whatever stopped the run.
    """
    configure_logs("text", level=logging.WARNING)
    keeper = _Keeper(listener)
    definitions = make_definitions(Alx(lambda: settings, clock=clock, listener=keeper))
    with _environment(prepare_home(settings)), open_instance(settings.dagster_home) as instance:
        outcome = definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            partition_key=partition_key,
            tags={HOST_TAG: this_host(), **(tags or {})},
            run_config={**QUIET, **(run_config or {})},
            raise_on_error=False,
        )
    if keeper.result is None:
        raise SyncError(_reason(outcome))
    return keeper.result


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set what Dagster's instance reads from the environment, for as long as it is open."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _reason(outcome: dg.ExecuteInProcessResult) -> str:
    failures = (event for event in outcome.all_events if event.is_step_failure)
    return next(map(cause_of_step, failures), "The run failed; see its log in Dagit.")
