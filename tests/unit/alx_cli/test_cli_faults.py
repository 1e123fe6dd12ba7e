"""What a command says when the disk or a database fails under it: one line, and what to do."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import psycopg2.errors
import pytest
from sqlalchemy.exc import DatabaseError, IntegrityError, InternalError, OperationalError, ProgrammingError

from alx_cli.faults import explain
from alx_cli.home import hold_home
from alx_core.settings import Settings
from alx_core.store.engine import open_engine, transaction
from support.command import Command
from support.databases import plain
from support.reporting_databases import migrated_engine, reporting_database

HOLDS_NAMES = "INSERT INTO people VALUES ('Ada')"


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(HOLDS_NAMES, None, sqlite3.OperationalError("attempt to write a readonly database")),
        OperationalError(HOLDS_NAMES, None, psycopg.errors.DiskFull("could not extend file\nHINT: free some space")),
        InternalError(HOLDS_NAMES, None, psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT")),
        DatabaseError(HOLDS_NAMES, None, sqlite3.DatabaseError("database disk image is malformed")),
        ProgrammingError(HOLDS_NAMES, None, psycopg.errors.InsufficientPrivilege("permission denied for table x")),
    ],
    ids=lambda error: type(error.orig).__name__,
)
def test_what_a_database_refuses_is_one_line_without_the_statement(error: Exception) -> None:
    told = explain(error) or ""
    assert told.startswith("A database refused: ")
    assert "Look at its disk, its rights and its log." in told
    assert "Ada" not in told
    assert "\n" not in told


def test_what_dagsters_driver_may_not_write_is_one_line_too() -> None:
    """`alx sync` by a user who may only read begins in Dagster's tables, and these are written through psycopg2."""

    class InsufficientPrivilege(psycopg2.errors.InsufficientPrivilege):
        pgcode = "42501"  # the driver's own is read-only, and set by the server's answer alone

    refused = InsufficientPrivilege("permission denied for table runs")
    assert (explain(ProgrammingError(HOLDS_NAMES, None, refused)) or "").startswith(
        "A database refused: permission denied for table runs. Look at"
    )


@pytest.mark.parametrize(
    "error",
    [
        ValueError("ours"),
        IntegrityError("", None, sqlite3.IntegrityError("UNIQUE constraint failed")),
        ProgrammingError("", None, psycopg.errors.UndefinedColumn("column x does not exist")),
    ],
)
def test_a_fault_of_ours_keeps_its_traceback(error: Exception) -> None:
    assert explain(error) is None


def test_the_program_names_the_file_that_it_could_not_write(tmp_path: Path) -> None:
    (tmp_path / "dagster").touch()
    program = [sys.executable, "-c", "from alx_cli.main import main; main()", "sync"]
    environment = {**os.environ, "ALX_HOME": str(tmp_path)}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)  # ours
    assert done.returncode == 1
    assert f"Error: {tmp_path / 'dagster'}: " in done.stderr
    assert "may this user write there?" in done.stderr
    assert "Traceback" not in done.stderr


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
