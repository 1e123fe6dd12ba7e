"""What the books say of the newest sync's bad records."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from alx_core.domain.security_alerts import QuotaUse, judge_quotas
from alx_core.domain.sync import Kind
from alx_core.domain.sync_alerts import judge_error_rate
from alx_core.store.alert_sources import newest_errors
from alx_core.store.runs import add_companies, finish_run, start_run
from alx_core.store.tables import companies, request_log
from support.builders import NOW
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine
from support.requests import make_request
from support.status_site import make_company

FIGURES = dict.fromkeys(("processed", "created", "updated", "deleted", "unchanged"), 0)


@pytest.fixture(params=KINDS_OF_DATABASE)
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with migrated_engine(request.param, tmp_path) as engine, engine.connect() as made:
        made.execute(insert(companies), [make_company(number, shortname=name) for number, name in NAMES.items()])
        yield made
        made.rollback()


NAMES = {1: "acme", 2: "beta", 3: "gamma"}


def book(connection: Connection, errors: Mapping[int, int], *, at: int = NOW) -> None:
    """Book a sync with so many bad records by company."""
    run = start_run(connection, kind=Kind.HOURLY, as_of=at, started_at=at)
    rows = [
        {"companyid": companyid, "status": "succeeded", "seconds": 1.0, **FIGURES, "errors": bad}
        for companyid, bad in errors.items()
    ]
    add_companies(connection, run, rows)
    total = sum(errors.values())
    finish_run(connection, run, status="succeeded", finished_at=at + 9, companies=3, processed=100, errors=total)


def test_each_company_with_bad_records_is_named_with_its_own_the_worst_first(connection: Connection) -> None:
    book(connection, {1: 4, 2: 0, 3: 7})
    found = newest_errors(connection)
    assert found is not None
    assert (found.errors, found.worst) == (11, [("gamma", 7), ("acme", 4)])


def test_a_clean_sync_after_a_bad_one_is_no_alert(connection: Connection) -> None:
    book(connection, {1: 50})
    book(connection, {1: 0}, at=NOW + 3600)
    look = judge_error_rate(newest_errors(connection), limit_pct=5, dagster="")
    assert (look.bad, look.well) == ((), None)


def test_the_statement_that_an_alert_advises_names_who_calls(connection: Connection) -> None:
    rows = [make_request(companyid=1, token_id=token, ip_address="192.0.2.1", user_agent="PQ") for token in (5, 5, 6)]
    connection.execute(insert(request_log), [*rows, make_request(companyid=2)])
    (seen,) = judge_quotas([QuotaUse(1, "acme", 100, 100)], resets_at="midnight", public="").bad
    statement = re.findall("`(SELECT .*?)`", seen.recommendation)
    found = connection.exec_driver_sql(*statement).all()
    assert sorted(map(tuple, found)) == [(5, "192.0.2.1", "PQ", 2), (6, "192.0.2.1", "PQ", 1)]
