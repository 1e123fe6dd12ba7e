"""kill -9 at any moment: nothing half-written, and the next sync ends where an undisturbed one ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.engine import URL

from alx_cli.demo.generator import build_demo_moodle
from alx_core.store.tables import sync_runs
from support import sync_process
from support.pipeline import MakePipeline, Pipeline
from support.reporting_databases import wait_for_a_lock
from support.site import AS_OF, Key, live_rows

pytestmark = pytest.mark.slow

LEARNERS = 2_000
KILLS = 8
CONTENT = ("firstname", "coursename", "timecompleted", "timestarted", "timeenrolled", "percentage", "status")

Rows = dict[Key, dict[str, object]]


@pytest.fixture(scope="module")
def demo_moodle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "moodle.sqlite"
    build_demo_moodle(path, learners=LEARNERS, now=AS_OF)
    return path


@pytest.fixture
def pipeline(demo_moodle: Path, reporting_url: URL, tmp_path: Path, make_pipeline: MakePipeline) -> Pipeline:
    copy = tmp_path / "moodle.sqlite"
    copy.write_bytes(demo_moodle.read_bytes())
    return make_pipeline(URL.create("sqlite", database=str(copy)), reporting_url)


def rows_by_company(engine: Engine) -> dict[int, Rows]:
    with engine.connect() as connection:
        rows = live_rows(connection)
    found: dict[int, Rows] = {}
    for key, row in rows.items():
        found.setdefault(key[0], {})[key] = {name: row[name] for name in CONTENT}
    return found


def start(pipeline: Pipeline) -> "subprocess.Popen[str]":
    moodle, reporting = (
        engine.url.render_as_string(hide_password=False) for engine in (pipeline.moodle, pipeline.reporting)
    )
    script = str(Path(sync_process.__file__))
    environment = {**os.environ, "PYTHONPATH": str(Path(script).parent.parent)}
    child = subprocess.Popen(
        [sys.executable, script, moodle, reporting, str(pipeline.settings.home), str(pipeline.now)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def kill(child: "subprocess.Popen[str]") -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate()


def change_everything(pipeline: Pipeline) -> None:
    """Give every row of the reporting table something new, and take some away."""
    pipeline.now += 3600
    pipeline.edit(
        "UPDATE mdl_user SET firstname = firstname || '!'",
        "UPDATE mdl_course SET fullname = fullname || '?'",
        "DELETE FROM mdl_user_enrolments WHERE id % 7 = 0",
    )


def truth(pipeline: Pipeline, folder: Path) -> dict[int, Rows]:
    """What an undisturbed sync into an empty database gives."""
    url = URL.create("sqlite", database=str(folder / "truth.sqlite"))
    undisturbed = Pipeline.over(pipeline.moodle.url, url, home=folder / "truth")
    undisturbed.now = pipeline.now
    undisturbed.rebuild()
    rows = rows_by_company(undisturbed.reporting)
    undisturbed.close()
    return rows


def statuses(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(sync_runs.c.status).order_by(sync_runs.c.id)).scalars())


def test_a_sync_killed_at_any_moment_leaves_each_company_old_or_new_and_the_next_one_mends_it(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    began = time.monotonic()
    assert pipeline.rebuild().total("created") > 0
    duration_s = time.monotonic() - began
    old = rows_by_company(pipeline.reporting)
    change_everything(pipeline)
    new = truth(pipeline, tmp_path)
    for step in range(KILLS):
        child = start(pipeline)
        time.sleep(duration_s * step / KILLS)
        kill(child)
        for companyid, rows in rows_by_company(pipeline.reporting).items():
            assert rows in (old[companyid], new[companyid])
    assert pipeline.rebuild().failed == {}
    assert rows_by_company(pipeline.reporting) == new
    assert "running" not in statuses(pipeline.reporting)
    assert not (pipeline.settings.home / "spool").exists()


@pytest.fixture
def blocked_company(pipeline: Pipeline) -> Iterator[int]:
    """Hold the row of one company, so that a sync stops in the middle of that company's transaction."""
    pipeline.rebuild()
    with pipeline.reporting.connect() as connection:
        companyid = connection.scalar(text("SELECT companyid FROM companies WHERE row_count > 0 ORDER BY 1 LIMIT 1"))
        connection.execute(text("SELECT * FROM companies WHERE companyid = :id FOR UPDATE"), {"id": companyid})
        yield int(companyid)
        connection.rollback()


@pytest.mark.parametrize("reporting_url", ["postgresql"], indirect=True)
def test_a_company_whose_transaction_is_cut_off_keeps_its_old_rows(
    pipeline: Pipeline, blocked_company: int, tmp_path: Path
) -> None:
    old = rows_by_company(pipeline.reporting)
    change_everything(pipeline)
    new = truth(pipeline, tmp_path)
    child = start(pipeline)
    wait_for_a_lock(pipeline.reporting.url)
    kill(child)
    assert rows_by_company(pipeline.reporting)[blocked_company] == old[blocked_company] != new[blocked_company]


def test_of_two_syncs_at_once_the_second_waits_and_both_end_well(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.rebuild()
    change_everything(pipeline)
    new = truth(pipeline, tmp_path)
    children = [start(pipeline), start(pipeline)]
    assert all(child.communicate(timeout=60)[0].endswith("done\n") for child in children)
    assert rows_by_company(pipeline.reporting) == new
    assert statuses(pipeline.reporting) == ["succeeded"] * 3
