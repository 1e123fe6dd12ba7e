"""Errors of a disk or a database: one line, and what to do."""

import sqlite3
from pathlib import Path

import psycopg
import psycopg2.errors
import pytest
from sqlalchemy.exc import DatabaseError, IntegrityError, InternalError, OperationalError, ProgrammingError

from alx_core.errors import SyncLocked
from alx_core.faults import explain, first_line

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


def test_an_error_of_ours_says_itself_what_to_do() -> None:
    assert explain(SyncLocked("Another one is at work.")) == "Another one is at work."


def test_an_error_of_the_disk_says_where(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "missing" / "file").touch()
    told = explain(caught.value) or ""
    assert told.startswith(f"{tmp_path}/missing/file: No such file or directory. Is there room")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (psycopg.errors.DiskFull("no space\nCONTEXT: COPY people, line 3: Ada"), "no space"),
        (IntegrityError(HOLDS_NAMES, None, sqlite3.IntegrityError("not unique\nAda")), "not unique"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_first_line_of_an_error_holds_no_learner(error: Exception, line: str) -> None:
    assert first_line(error) == line
