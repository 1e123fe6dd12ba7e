"""What a command says when the disk or a database fails under it: one line, and what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import URL

from alx_cli.home import hold_home
from alx_core.settings import Settings
from alx_core.store import locks
from alx_core.store.engine import open_engine, transaction
from alx_core.store.tables import reporting, sync_runs
from support.command import Command
from support.databases import plain
from support.reporting_databases import migrated_engine, reporting_database


def test_the_program_names_the_file_that_it_could_not_write(tmp_path: Path) -> None:
    (tmp_path / "dagster").touch()
    program = [sys.executable, "-c", "from alx_cli.main import main; main()", "sync"]
    environment = {**os.environ, "ALX_HOME": str(tmp_path)}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)  # ours
    assert done.returncode == 1
    assert f"Error: {tmp_path / 'dagster'}: " in done.stderr
    assert "may this user write there?" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_sync_that_finds_no_room_for_its_own_files_says_so_everywhere(site_copy: Path, tmp_path: Path) -> None:
    sync = f"{sys.executable} -c 'from alx_cli.main import main; main()' sync"
    with reporting_database("postgresql", tmp_path) as url:
        own = {"ALX_HOME": str(tmp_path), "ALX_MOODLE_URL": f"sqlite:///{site_copy}", "ALX_DATABASE_URL": plain(url)}
        limited = ["sh", "-c", f"ulimit -f 20; exec {sync}"]  # files of 10 or 20 kB, by the shell
        done = subprocess.run(limited, env={**os.environ, **own}, capture_output=True, text=True, check=False)  # ours
        with open_engine(url) as engine, engine.connect() as connection:
            run = connection.execute(select(sync_runs.c.status, sync_runs.c.error)).one()
            rows = connection.scalar(select(func.count()).select_from(reporting))
    file = tmp_path / "spool" / "0001" / "000000.arrow"
    told = f"{file}: File too large. Is there room on the disk, and may this user write there?"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: {told}\n"
    assert (run.status, run.error, rows) == ("failed", told, 0)
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("arguments", [["api"], ["up"]])
def test_what_serves_refuses_a_home_that_cannot_be_written(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "file").touch()
    moodle, database = f"sqlite:///{tmp_path}/moodle.sqlite", f"sqlite:///{tmp_path}/alx.sqlite"
    free = {"ALX_API_BIND": "127.0.0.1:1", "ALX_DAGSTER_BIND": "127.0.0.1:1"}
    alx = Command(tmp_path / "file" / "home", ALX_MOODLE_URL=moodle, ALX_DATABASE_URL=database, **free)
    done = alx.run(*arguments, ALX_MOODLE_URL=moodle, ALX_DATABASE_URL=database)
    assert done.code == 1
    assert "can't be written" in done.stderr
    assert "Set ALX_HOME" in done.stderr


def test_a_second_up_in_the_same_home_is_refused_whatever_its_ports(tmp_path: Path) -> None:
    moodle = f"sqlite:///{tmp_path}/moodle.sqlite"
    with hold_home(Settings(home=tmp_path)):
        done = Command(tmp_path, ALX_API_BIND="127.0.0.1:1", ALX_DAGSTER_BIND="127.0.0.1:1").run(
            "up", ALX_MOODLE_URL=moodle
        )
    assert done.code == 1
    assert f"already in {tmp_path}" in done.stderr
    assert not (tmp_path / "dagster").exists(), "the first one's files and runs are left alone"


def test_a_second_up_over_the_same_database_is_refused_whatever_its_home(
    tmp_path: Path, reporting_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "UP_PATIENCE_S", 0)
    with open_engine(reporting_url) as engine, locks.up_lock(engine):
        done = Command(tmp_path / "second", ALX_API_BIND="127.0.0.1:1", ALX_DAGSTER_BIND="127.0.0.1:1").run(
            "up", ALX_MOODLE_URL=f"sqlite:///{tmp_path}/moodle.sqlite", ALX_DATABASE_URL=plain(reporting_url)
        )
    assert done.code == 1
    assert "already over" in done.stderr
    assert not (tmp_path / "second" / "dagster").exists(), "nothing was begun"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forbid", "says"),
    [
        ("default_transaction_read_only = on", "read-only transaction"),
        ("role = pg_read_all_data", "permission denied"),
    ],
)
def test_the_doctor_finds_a_reporting_database_that_it_may_not_write(tmp_path: Path, forbid: str, says: str) -> None:
    with migrated_engine("postgresql", tmp_path) as engine:
        with transaction(engine) as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET {forbid}")
        done = Command(tmp_path).run("doctor", ALX_DATABASE_URL=plain(engine.url))
    assert done.code == 1
    assert "rights on it: A database refused" in done.stdout
    assert says in done.stdout
    assert "ALX_MOODLE_URL is not set" in done.stdout, "the doctor goes on"


@pytest.mark.slow
def test_the_doctor_finds_an_empty_reporting_database_in_which_it_may_make_no_tables(tmp_path: Path) -> None:
    with reporting_database("postgresql", tmp_path) as url:
        assert "rights on it" not in Command(tmp_path).run("doctor", ALX_DATABASE_URL=plain(url)).stdout
        with open_engine(url) as engine, transaction(engine) as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {url.database} SET role = pg_read_all_data")
        done = Command(tmp_path).run("doctor", ALX_DATABASE_URL=plain(url))
        assert done.code == 1
        assert "rights on it: may not make tables" in done.stdout
        assert f"ALTER DATABASE {url.database} OWNER TO" in done.stdout


def test_the_doctor_goes_on_where_the_reporting_database_has_no_driver(tmp_path: Path) -> None:
    done = Command(tmp_path).run("doctor", ALX_DATABASE_URL="postgresql+nonsense://h/x")
    assert done.code == 1
    assert "Write postgresql://" in done.stdout
    assert "ALX_MOODLE_URL is not set" in done.stdout


def test_the_doctor_names_a_setting_that_is_misspelt(tmp_path: Path) -> None:
    done = Command(tmp_path).run("doctor", ALX_SLACK_WEBHOOK="https://hooks.example.com/secret")
    assert done.code == 1
    assert "ALX_SLACK_WEBHOOK is no setting and has no effect. Is ALX_SLACK_WEBHOOK_URL meant?" in done.stdout
    assert "secret" not in done.stdout
