"""The files of Dagster's runs, which stay when it deletes a run.

DAGSTER_HOME/storage/RUN/             what the run's steps printed
DAGSTER_HOME/history/runs/RUN.db      its events, where they are in no PostgreSQL: 200 kB
"""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg


def remove_orphaned_files(instance: dg.DagsterInstance) -> int:
    """Remove the files of runs that are no more; return how many.

    Those of other hosts that share Dagster's database lie on their own disks, and go when they purge.
    """
    found = list(_files_of_runs(instance))
    known = set(instance.get_run_ids())  # after the look: a run is stored before it has files
    orphaned = [path for run_id, path in found if run_id not in known]
    for path in orphaned:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # SQLite removes those of its own itself
    return len(orphaned)


def _files_of_runs(instance: dg.DagsterInstance) -> Iterator[tuple[str, Path]]:
    """Yield (run id, file or folder); beside a file that is open, SQLite keeps some of its own."""
    printed, events = Path(instance.storage_directory()), Path(instance.root_directory) / "history" / "runs"
    for path in (*printed.glob("*"), *events.glob("*.db*")):
        run_id = path.name.partition(".")[0]
        if _is_run_id(run_id):
            yield run_id, path


def _is_run_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False
