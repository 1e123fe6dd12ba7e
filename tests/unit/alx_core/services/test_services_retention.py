"""The purge: what is old goes, in blocks; what is young, or says how things stand, stays whatever is set."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Table, delete, func, insert, select

from alx_core.bounds import MAX_DAYS
from alx_core.domain.alerts import AlertName, Judgement, Observation, Severity
from alx_core.domain.messages import Channel
from alx_core.errors import SyncLocked
from alx_core.services import retention
from alx_core.services.alerting import Policy, take_in
from alx_core.services.retention import DAY_S, NEVER_PURGED_S, Purged
from alx_core.settings import Settings
from alx_core.store.engine import transaction
from alx_core.store.locks import writer_lock
from alx_core.store.runs import add_companies, finish_run, start_run
from alx_core.store.tables import (
    alert_deliveries,
    alerts,
    api_metrics_hourly,
    api_usage,
    metadata,
    reporting,
    reporting_history,
    request_log,
    sync_run_companies,
    sync_runs,
)
from alx_pipeline.catch_up import LOOKBACK
from support.builders import NOW, make_table_row
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine
from support.requests import log_requests, make_request

BLOCK = 10


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("retention")) as made:
        yield made


@pytest.fixture
def engine(database: Engine) -> Engine:
    """An empty database."""
    with transaction(database) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    return database


def purge(engine: Engine, chosen: Settings, *, now: int) -> Purged:
    """Purge in small blocks, without patience for a sync."""
    return retention.purge(engine, chosen, now=now, chunk=BLOCK, lock_timeout_s=0)


def settings(tmp_path: Path, **days: int) -> Settings:
    return Settings(home=tmp_path, **days)


def count(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def add(engine: Engine, table: Table, rows: list[dict[str, Any]]) -> None:
    with transaction(engine) as connection:
        connection.execute(insert(table), rows)


def test_nothing_of_the_look_back_goes_whatever_is_set() -> None:
    assert timedelta(seconds=NEVER_PURGED_S) > LOOKBACK


def test_old_requests_go_in_blocks_and_young_ones_stay(engine: Engine, tmp_path: Path) -> None:
    cut = NOW - 90 * DAY_S
    log_requests(engine, [make_request(at=cut - 1000 + each) for each in range(35)])
    log_requests(engine, [make_request(at=cut), make_request(at=NOW)])
    assert purge(engine, settings(tmp_path), now=NOW).requests == 35
    assert count(engine, request_log) == 2
    assert purge(engine, settings(tmp_path), now=NOW).requests == 0


def test_requests_that_a_clock_dated_in_the_future_keep_none_behind_them(engine: Engine, tmp_path: Path) -> None:
    log_requests(engine, [make_request(at=NOW + DAY_S + each) for each in range(3 * BLOCK)])
    log_requests(engine, [make_request(at=NOW - 91 * DAY_S + each) for each in range(BLOCK + 5)])
    assert purge(engine, settings(tmp_path), now=NOW).requests == BLOCK + 5
    assert count(engine, request_log) == 3 * BLOCK


def test_requests_of_the_last_three_days_stay_whatever_is_set(engine: Engine, tmp_path: Path) -> None:
    log_requests(engine, [make_request(at=NOW - NEVER_PURGED_S), make_request(at=NOW - NEVER_PURGED_S - 1)])
    assert purge(engine, settings(tmp_path, log_retention_days=1), now=NOW).requests == 1


def test_what_is_kept_for_a_hundred_years_stays(engine: Engine, tmp_path: Path) -> None:
    log_requests(engine, [make_request(at=NOW - 20_000 * DAY_S)])
    terms = {name: MAX_DAYS for name in Settings.model_fields if name.endswith("_retention_days")}
    assert purge(engine, settings(tmp_path, **terms), now=NOW).requests == 0


def test_metrics_and_counters_have_their_own_terms(engine: Engine, tmp_path: Path) -> None:
    columns = {each.name: 0 for each in api_metrics_hourly.columns} | {"errors_by_code": "{}", "histogram": "{}"}
    hours = (NOW - 400 * DAY_S - 1, NOW - 400 * DAY_S, NOW)
    add(engine, api_metrics_hourly, [{**columns, "hour": each} for each in hours])
    days = [datetime.fromtimestamp(NOW - each * DAY_S, UTC).date().isoformat() for each in (91, 90, 0)]
    add(engine, api_usage, [{"companyid": 1, "day": each, "calls": 1} for each in days])
    purged = purge(engine, settings(tmp_path), now=NOW)
    assert (purged.metrics, purged.usage) == (1, 1)


def book(engine: Engine, *, at: int, status: str = "succeeded", kind: str = "hourly") -> int:
    with transaction(engine) as connection:
        run_id = start_run(connection, kind=kind, as_of=at, started_at=at, window_end=at)
        finish_run(connection, run_id, status=status, finished_at=at)
        zero = dict.fromkeys(("processed", "created", "updated", "deleted", "unchanged", "errors", "seconds"), 0)
        add_companies(connection, run_id, [{"companyid": 1, "status": status, "error": None, **zero}])
    return run_id


def test_old_syncs_go_with_what_belongs_to_them(engine: Engine, tmp_path: Path) -> None:
    for each in range(25):
        book(engine, at=NOW - 91 * DAY_S - each)
    kept = book(engine, at=NOW)
    assert purge(engine, settings(tmp_path), now=NOW).runs == 25
    with engine.connect() as connection:
        assert connection.execute(select(sync_runs.c.id)).scalars().all() == [kept]
        assert connection.execute(select(sync_run_companies.c.run_id)).scalars().all() == [kept]


def test_the_last_success_stays_however_old_and_so_does_the_last_run(engine: Engine, tmp_path: Path) -> None:
    old = NOW - 200 * DAY_S
    book(engine, at=old)
    success = book(engine, at=old + 1)
    later = [book(engine, at=old + each, status="failed") for each in (2, 3)]
    assert purge(engine, settings(tmp_path), now=NOW).runs == 1
    with engine.connect() as connection:
        assert connection.execute(select(sync_runs.c.id).order_by(sync_runs.c.id)).scalars().all() == [success, *later]


def test_where_no_sync_ever_succeeded_the_last_run_stays(engine: Engine, tmp_path: Path) -> None:
    for each in range(3):
        book(engine, at=NOW - 200 * DAY_S + each, status="failed")
    assert purge(engine, settings(tmp_path), now=NOW).runs == 2


def test_alerts_go_when_they_have_been_over_for_long_with_their_messages(engine: Engine, tmp_path: Path) -> None:
    seen = Observation(AlertName.SYNC_FAILED, Severity.CRITICAL, title="t", message="m", recommendation="r")
    names, policy = frozenset({AlertName.SYNC_FAILED}), Policy({Channel.SLACK}, cooldown_s=3600)
    old = NOW - 365 * DAY_S - 1
    with transaction(engine) as connection:
        take_in(connection, Judgement(names, [seen]), policy, now=old)
        take_in(connection, Judgement(names), policy, now=old)
        take_in(connection, Judgement(names, [seen]), policy, now=old)
    assert purge(engine, settings(tmp_path), now=NOW).alerts == 1
    with engine.connect() as connection:
        assert connection.execute(select(alerts.c.state)).scalars().all() == ["open"]
    assert count(engine, alert_deliveries) == 0


def test_old_tombstones_go_and_live_rows_and_young_tombstones_stay(engine: Engine, tmp_path: Path) -> None:
    old = NOW - 90 * DAY_S - 1
    gone = [make_table_row(userid=each, is_deleted=1, last_updated=old) for each in range(1, 26)]
    kept = [
        make_table_row(userid=100, is_deleted=0, last_updated=old),
        make_table_row(userid=101, is_deleted=1, last_updated=old + 1),
    ]
    add(engine, reporting, gone + kept)
    assert purge(engine, settings(tmp_path), now=NOW).tombstones == 25
    with engine.connect() as connection:
        assert set(connection.execute(select(reporting.c.userid)).scalars()) == {100, 101}


def test_replaced_rows_go_when_no_read_can_need_them(engine: Engine, tmp_path: Path) -> None:
    rows = [
        {**make_table_row(), "superseded_seq": each, "superseded_at": at}
        for each, at in enumerate((NOW - 7 * 3600, NOW - 5 * 3600))
    ]
    add(engine, reporting_history, rows)
    assert purge(engine, settings(tmp_path), now=NOW).history == 1


def test_while_a_sync_is_writing_no_tombstone_goes(engine: Engine, tmp_path: Path) -> None:
    """The sync has seen the tombstone and means to revive it: deleted in between, the row would be lost."""
    add(engine, reporting, [make_table_row(is_deleted=1, last_updated=1)])
    with writer_lock(engine, timeout_s=0), pytest.raises(SyncLocked):
        purge(engine, settings(tmp_path), now=NOW)
    assert count(engine, reporting) == 1
