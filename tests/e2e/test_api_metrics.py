"""`api_metrics` as people use it: a month asked for in Dagit, by a real daemon."""

from datetime import timedelta

import pytest
from sqlalchemy import create_engine, func, select

from alx_core.settings import Settings
from alx_core.store.tables import api_metrics_hourly
from alx_pipeline.partitions import HOUR, RANGE_END_TAG, RANGE_START_TAG, keys_between, newest_complete_hour
from support.requests import log_requests, make_request
from support.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_backfill_of_30_days_is_one_run_and_counts_every_request(embedded: Stack) -> None:
    stack = embedded
    assert stack.alx("migrate").returncode == 0
    end = newest_complete_hour() + HOUR
    start = end - timedelta(days=30)
    engine = create_engine(Settings(home=stack.home).database)
    requests = [make_request(at=start.timestamp() + 1800 * index, companyid=index % 2 + 1) for index in range(1440)]
    log_requests(engine, requests)
    hours = keys_between(start, end)
    with stack.up():
        assert stack.backfill(hours, asset="api_metrics", timeout_s=600) == "COMPLETED_SUCCESS"
        runs = [run for run in stack.runs() if run["tags"].get(RANGE_START_TAG) == hours[0]]
        assert [(run["status"], run["tags"][RANGE_END_TAG]) for run in runs] == [("SUCCESS", hours[-1])]
    with engine.connect() as connection:
        columns = api_metrics_hourly.c
        counted = select(func.count(columns.hour.distinct()), func.count(), func.sum(columns.calls))
        assert connection.execute(counted).one() == (720, 1440, 1440)
    engine.dispose()
