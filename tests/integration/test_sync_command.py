"""`alx sync`: a wrong option is no failed sync that anybody is told of; and what `alx status` says of one."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.engine import URL

from alx_core.store.engine import open_engine
from alx_core.store.tables import companies, sync_runs
from support.command import Command


@pytest.fixture
def alx(tmp_path: Path, site_copy: Path) -> Command:
    """An installation over a copy of the real site, before its first sync."""
    return Command(tmp_path / "home", ALX_MOODLE_URL=f"sqlite:///{site_copy}")


def booked(command: Command) -> list[str]:
    """How each run of the reporting table ended."""
    url = URL.create("sqlite", database=str(command.home / "alx.sqlite"))
    with open_engine(url) as engine, engine.connect() as connection:
        return list(connection.scalars(select(sync_runs.c.status).order_by(sync_runs.c.id)))


@pytest.mark.parametrize("named", [["acmee"], ["acme", "--company", "acmee"], ["ACME"], [""]])
def test_a_company_that_nobody_knows_is_refused_before_a_run_is_booked(alx: Command, named: list[str]) -> None:
    done = alx.run("sync", "--company", *named)
    assert done.code == 2
    assert f"no company with shortname {named[-1]!r}." in done.stderr
    assert "acme, beta, delta, gamma" in done.stderr
    assert booked(alx) == []
    assert not (alx.home / "dagster").exists()  # so the sensor that tells of failed runs sees none either


@pytest.mark.parametrize(
    "options",
    [
        ["--as-of", "-1"],
        ["--as-of", "1795474552000"],
        ["--hour", "0001-01-01T00:00+05:00"],
        ["--hour", "9999-12-31T23:00-05:00"],
        ["--from", "0001-01-01T00:00", "--to", "0001-01-01T00:00"],
    ],
    ids=["before time", "milliseconds", "before the year 1", "after the year 9999", "nothing at the beginning of time"],
)
def test_a_moment_that_no_calendar_has_is_refused_before_anything_is_made(alx: Command, options: list[str]) -> None:
    done = alx.run("sync", *options)
    assert done.code == 2
    assert done.stderr.startswith("Usage:")
    assert not list(alx.home.glob("*"))


def test_a_company_whose_suspension_is_a_time_is_suspended(alx: Command, site_copy: Path) -> None:
    with sqlite3.connect(site_copy) as moodle:
        moodle.execute("UPDATE mdl_company SET suspended = 1795474552 WHERE shortname = 'acme'")
    moodle.close()
    assert alx.run("sync").code == 0
    url = URL.create("sqlite", database=str(alx.home / "alx.sqlite"))
    with open_engine(url) as engine, engine.connect() as connection:
        assert connection.scalar(select(companies.c.suspended).where(companies.c.shortname == "acme")) == 1


def test_a_company_that_is_gone_from_moodle_can_still_be_synced(alx: Command, site_copy: Path) -> None:
    assert alx.run("sync", "--company", "acme").code == 0
    with sqlite3.connect(site_copy) as moodle:
        moodle.execute("DELETE FROM mdl_company WHERE shortname = 'acme'")
    moodle.close()
    assert alx.run("sync", "--company", "acme").code == 0
    assert booked(alx) == ["succeeded", "succeeded"]


def test_status_tells_a_rebuild_from_a_sync_of_the_newest_hour(alx: Command) -> None:
    assert alx.run("migrate").code == 0
    assert alx.run("status").stdout.startswith("Never synced.")
    assert alx.run("sync", "--rebuild").code == 0
    assert alx.run("status").stdout.startswith("The newest hour was never synced.")
    assert alx.run("sync").code == 0
    assert alx.run("status").stdout.startswith("Fresh:")


def test_a_moodle_that_does_not_answer_is_a_failed_sync(alx: Command, tmp_path: Path) -> None:
    done = alx.run("sync", "--company", "acme", ALX_MOODLE_URL=f"sqlite:///{tmp_path / 'missing.sqlite'}")
    assert done.code == 1
    assert booked(alx) == ["failed"]
