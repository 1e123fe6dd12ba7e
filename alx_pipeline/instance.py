"""Dagster's own instance: what is asked of it beside what Dagster itself asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from sqlalchemy import Engine

from alx_core.errors import SchemaOutOfDate
from alx_core.store.engine import connect
from alx_core.store.locks import is_writing
from alx_pipeline.run_process import is_gone


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Yield the instance of `home`; the environment of `prepare_home` must be set."""
    with DagsterInstance.from_config(str(home)) as instance:
        yield instance


def reap_orphans(instance: dg.DagsterInstance, engine: Engine) -> list[str]:
    """Fail the runs whose process went away with the machine or was killed; return their ids.

    A hard kill leaves a run STARTED, and the pool then holds back every later sync until its `max_runtime`. Only to be
    called on a single host before its daemon starts, when no run can be alive but an `alx sync`, or one whose daemon
    was stopped: while a sync writes to `engine`, the reporting database, those are spared whose process may be there.
    """
    with connect(engine) as connection:
        may_live = is_writing(connection)
    unfinished = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    runs = instance.get_runs(RunsFilter(statuses=unfinished))
    lost = [run for run in runs if not may_live or is_gone(instance, run)]
    for run in lost:
        instance.report_run_failed(run, "The run's process was gone when `alx up` started again.")
    return [run.run_id for run in lost]


def revisions(instance: dg.DagsterInstance) -> tuple[str | None, str | None]:
    """Return the revision of Dagster's tables, and the one that this version of Dagster makes (equal: up to date)."""
    found = instance.run_storage.alembic_version()
    return (None, None) if found is None else (found[0], str(found[1]))


def upgrade(instance: dg.DagsterInstance) -> tuple[str | None, str | None]:
    """Bring Dagster's tables up to date, keeping all data. Returns the revisions before and after.

    Raises SchemaOutOfDate: a newer Dagster made them.
    """
    from alembic.util import CommandError  # noqa: PLC0415  # a code location does without

    before, newest = revisions(instance)
    if before != newest:
        try:
            instance.upgrade()
        except CommandError as error:  # Alembic does not know the revision
            raise SchemaOutOfDate(f"Dagster's tables are those of a newer one: install that. ({error})") from error
    return before, newest


def is_schedule_on(instance: dg.DagsterInstance, name: str = "hourly_sync_schedule") -> bool:
    """Whether nobody switched a schedule off in Dagit; it is on by itself, so Dagster need not know it yet."""
    return not any(state.name == name and state.status.value == "STOPPED" for state in instance.all_instigator_state())
