"""What `alx doctor` says of syncs that do not come, and of calls that nobody counts."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from alx_cli import diagnosis
from alx_cli.diagnosis import Finding, diagnose
from alx_core.services.metrics import record_hours
from alx_core.settings import Settings
from alx_core.store.engine import open_engine, transaction
from alx_core.store.locks import writer_lock
from alx_core.store.tables import sync_runs
from support.builders import make_run
from support.reporting_databases import write_migrated
from support.requests import log_requests, make_request

HOUR_S = 3600


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("ALX_HOME", str(tmp_path))
    for name in ("ALX_DATABASE_URL", "ALX_MOODLE_URL"):
        monkeypatch.delenv(name, raising=False)
    write_migrated(tmp_path / "alx.sqlite")
    with open_engine(Settings(home=tmp_path).database) as made:
        yield made


def add_run(engine: Engine, *, age_s: int, status: str = "succeeded", error: str | None = None) -> None:
    run = make_run(started_at=int(time.time()) - age_s, status=status, error=error)
    with transaction(engine) as connection:
        connection.execute(insert(sync_runs), [run])


def syncs() -> Finding:
    (found,) = [each for each in diagnose() if each.check == "syncs"]
    return found


@pytest.mark.usefixtures("engine")
def test_before_the_first_sync_the_doctor_says_that_nothing_runs_yet_and_minds_nothing() -> None:
    assert syncs() == Finding("syncs", True, "none yet: `alx up` syncs every hour, `alx sync` once")


def test_the_doctor_minds_when_the_hourly_sync_does_not_come(engine: Engine) -> None:
    add_run(engine, age_s=3 * HOUR_S)
    assert not syncs().ok
    assert " late. Start `alx up`, or restart it" in syncs().detail
    add_run(engine, age_s=60)
    assert syncs().ok


def test_the_doctor_does_not_mind_a_sync_that_takes_hours(engine: Engine) -> None:
    add_run(engine, age_s=3 * HOUR_S, status="running")
    with writer_lock(engine, timeout_s=0):
        assert syncs().ok
    assert not syncs().ok, "it was killed, and no other one came"


def test_the_doctor_says_why_the_newest_sync_failed_until_one_succeeds(engine: Engine) -> None:
    add_run(engine, age_s=90, status="failed", error="beta: may not be written")
    assert syncs() == Finding("syncs", False, "the one of 1 min 30 s ago failed: beta: may not be written")
    add_run(engine, age_s=30, status="running")
    assert "failed" in syncs().detail, "the one that runs has not said yet"
    add_run(engine, age_s=10)
    assert syncs().ok


def test_the_doctor_minds_hours_of_calls_that_nobody_counted(engine: Engine) -> None:
    """The alerts about the API judge counted hours alone: they would be silent."""

    def told() -> list[str]:
        return [each.detail for each in diagnose() if each.check == "hourly metrics"]

    now = int(time.time())
    newest = (now - diagnosis.UNCOUNTED_AFTER_S) // HOUR_S * HOUR_S
    log_requests(engine, [make_request(at=now), make_request(at=newest - HOUR_S * 30)])
    assert told() == [], "it is not over, or too old"
    log_requests(engine, [make_request(at=newest - 60)])
    assert told()[0].startswith("1 of the last 24 hours are not counted")
    record_hours(engine, start=newest - HOUR_S, end=newest, now=now)
    assert told() == []
