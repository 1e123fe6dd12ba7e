"""How syncs went for a week."""

import pytest
from sqlalchemy import Engine

from alx_core.services.health import success_pct
from alx_core.store.engine import connect, transaction
from alx_core.store.runs import finish_run, start_run

NOW = 1_795_507_200
DAY_S = 86_400


def add_run(engine: Engine, status: str, *, at: int) -> None:
    with transaction(engine) as connection:
        run_id = start_run(connection, kind="hourly", as_of=at, started_at=at)
        finish_run(connection, run_id, status=status)


def week_pct(engine: Engine) -> float | None:
    with connect(engine) as connection:
        return success_pct(connection, now=NOW)


def test_without_a_run_that_is_over_there_is_no_rate(reporting_engine: Engine) -> None:
    assert week_pct(reporting_engine) is None
    add_run(reporting_engine, "running", at=NOW - 60)
    assert week_pct(reporting_engine) is None


@pytest.mark.parametrize("bad", ["failed", "interrupted"])
def test_failed_and_killed_runs_count_against_it_and_the_running_one_does_not(
    reporting_engine: Engine, bad: str
) -> None:
    for hour in range(3):
        add_run(reporting_engine, "succeeded", at=NOW - hour * 3600)
    add_run(reporting_engine, bad, at=NOW - 5 * 3600)
    add_run(reporting_engine, "running", at=NOW - 60)
    assert week_pct(reporting_engine) == 75.0


def test_it_looks_back_seven_days(reporting_engine: Engine) -> None:
    add_run(reporting_engine, "failed", at=NOW - 7 * DAY_S - 1)
    add_run(reporting_engine, "succeeded", at=NOW - 7 * DAY_S)
    assert week_pct(reporting_engine) == 100.0
