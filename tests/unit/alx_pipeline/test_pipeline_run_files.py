"""Files of runs go with their runs; those of others, and whatever else lies there, stay."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time

from alx_core.settings import Settings
from alx_pipeline.dagster_home import prepare_home
from alx_pipeline.instance import open_instance
from alx_pipeline.purge import purge_dagster_runs
from alx_pipeline.run_files import remove_orphaned_files

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)


@dg.op
def says() -> None:
    print("a word")  # noqa: T201


@dg.job(executor_def=dg.in_process_executor)
def talk() -> None:
    says()


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.delenv("ALX_DATABASE_URL", raising=False)
    prepare_home(Settings(home=tmp_path))
    with open_instance(tmp_path / "dagster") as opened:
        yield opened


def run(instance: dg.DagsterInstance, *, days_ago: int) -> str:
    """Run the job, some days ago."""
    with freeze_time(NOW - timedelta(days=days_ago)):
        return talk.execute_in_process(instance=instance).run_id


def files(instance: dg.DagsterInstance) -> list[Path]:
    home = Path(instance.root_directory)
    return [*(home / "storage").iterdir(), *(home / "history/runs").iterdir()]


def names(instance: dg.DagsterInstance) -> set[str]:
    return {path.name.partition(".")[0] for path in files(instance)}


def test_the_files_of_a_run_are_purged_with_it(instance: dg.DagsterInstance) -> None:
    gone, kept = run(instance, days_ago=100), run(instance, days_ago=5)
    assert names(instance) == {gone, kept, "index"}
    assert purge_dagster_runs(instance, days=90, now=NOW.timestamp()) == 1
    assert names(instance) == {kept, "index"}
    assert len([path for path in files(instance) if path.name.startswith(kept)]) == 2  # what it printed, its events


def test_so_are_those_of_runs_that_were_deleted_before(instance: dg.DagsterInstance) -> None:
    gone = run(instance, days_ago=0)
    instance.delete_run(gone)
    assert gone in names(instance)
    assert remove_orphaned_files(instance) == 2
    assert names(instance) == {"index"}


def test_what_is_no_runs_stays(instance: dg.DagsterInstance) -> None:
    foreign = Path(instance.storage_directory()) / "notes"
    foreign.mkdir(parents=True)
    assert remove_orphaned_files(instance) == 0
    assert foreign.is_dir()
