"""Every company setting, shown by what a request gets for it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, select

from alx_core.domain.changes import Op
from alx_core.domain.company_settings import EVERY_COMPANY, KINDS
from alx_core.domain.fields import FIELD_NAMES
from alx_core.services.alert_watch import watch_api
from alx_core.services.metrics import record_hours
from alx_core.settings import Settings
from alx_core.store.alerts import list_alerts
from alx_core.store.engine import transaction
from alx_core.store.tables import companies
from support.api import PATH, form, set_company
from support.asked_company import Company
from support.reads import make_token
from support.requests import HOUR, log_requests, make_request


def enabled(company: Company) -> None:
    company.set(enabled=0)
    assert company.outcome() == "nocompanyassociation"
    company.set(enabled=1)
    assert company.outcome() == "ok"


def rate_limit(company: Company) -> None:
    company.set(rate_limit=2)
    assert [company.outcome() for _ in range(3)] == ["ok", "ok", "ratelimitexceeded"]
    company.set(rate_limit=0)
    assert [company.outcome() for _ in range(200)] == ["ok"] * 200


def quota_mode(company: Company) -> None:
    company.set(quota_mode="reads", rate_limit=1)
    assert [company.outcome(limit=5, offset=offset) for offset in (0, 5, 10, 0, 5)] == ["ok"] * 5
    assert company.outcome(limit=6) == "ratelimitexceeded"
    company.set(quota_mode="requests")
    assert company.outcome(limit=5) == "ratelimitexceeded"


def max_records(company: Company) -> None:
    company.set(max_records=5)
    assert company.outcome(limit=6) == "limittoolarge"
    assert len(company.rows(limit=5)) == 5
    assert [len(company.rows(limit=limit)) for limit in (0, -5)] == [5, 5]


def cache_ttl_minutes(company: Company) -> None:
    company.set(cache_ttl_minutes=2)
    hits = []
    for seconds in (0, 119, 2):
        company.api.clock.now += seconds
        company.rows()
        hits.append(company.api.last["cache_hit"])
    assert hits == [0, 1, 0]


def cache_enabled(company: Company) -> None:
    company.set(cache_enabled=0)
    hits = []
    for _ in range(2):
        company.rows()
        hits.append(company.api.last["cache_hit"])
    company.set(cache_enabled=1)
    for _ in range(2):
        company.rows()
        hits.append(company.api.last["cache_hit"])
    assert hits == [0, 0, 0, 1]


def sync_mode(company: Company) -> None:
    counts = {}
    for mode in (2, 3, 1, 0):
        company.set(sync_mode=mode)
        company.rows()
        company.one_more_sync()
        company.rows()
        company.one_more_sync()
        counts[mode] = len(company.rows())
    assert counts == {2: 12, 3: 12, 1: 1, 0: 1}


def sync_window_hours(company: Company) -> None:
    company.set(sync_mode=0, sync_window_hours=2)
    counts = []
    for hours in (0, 1.9, 2.1):
        company.api.clock.now += hours * 3600
        counts.append(len(company.rows()))
        company.one_more_sync()
    assert counts == [12, 1, 12]


def first_sync_hours(company: Company) -> None:
    company.set(sync_mode=1, first_sync_hours=1)
    # Rows are as old as this machine's clock says, the API's own clock is moved beside it.
    company.api.clock.now = datetime.now(UTC).timestamp()
    assert len(company.rows(limit=50)) == 12
    other = Company(company.api, company.table, make_token(company.api.engine, company.table.companyid))
    company.api.clock.now += 2 * 3600
    assert other.rows(limit=50) == []


def allow_get(company: Company) -> None:
    def get() -> Any:
        return company.api.client.simulate_get(PATH, params=form(company.token)).json

    assert get()["errorcode"] == "invalidrequestmethod"
    company.set(allow_get=1)
    assert len(get()) == 12


def fields(company: Company) -> None:
    for hidden in FIELD_NAMES:
        company.set(**{f"field_{hidden}": 0})
        shown = [name for name in FIELD_NAMES if name != hidden]
        assert [list(row) for row in company.rows()] == [shown] * 12
        company.set(**{f"field_{hidden}": None})
        assert list(company.rows()[0]) == list(FIELD_NAMES)


def courses(company: Company) -> None:
    company.set(course_10=0)
    assert {row["courseid"] for row in company.rows()} == {11, 12, 13, 14}
    company.table.sync({(100, 77): Op.INSERT})  # a new course is shown, whatever is set for others
    assert {row["courseid"] for row in company.rows()} == {11, 12, 13, 14, 77}
    company.set(course_10=1)
    assert 10 in {row["courseid"] for row in company.rows()}


def alerted(company: Company, hour: int, *, hits: int, response_time_ms: float = 10) -> set[str]:
    """Log an hour of twenty calls, `hits` of them cached, and count it; return the alerts that the company then has."""
    engine, companyid = company.api.engine, company.table.companyid
    calls = [
        make_request(at=hour + each, companyid=companyid, cache_hit=int(each < hits), response_time_ms=response_time_ms)
        for each in range(20)
    ]
    log_requests(engine, calls)
    record_hours(engine, start=hour, end=hour + 3600, now=hour + 3600)
    watch_api(engine, Settings(), now=hour + 3600)
    with engine.connect() as connection:
        found = list_alerts(connection, limit=100, only_open=True)
    return {each["alert"] for each in found if each["companyid"] == companyid}


def alert_api_slow_ms(company: Company) -> None:
    assert alerted(company, HOUR, hits=20, response_time_ms=800) == set()
    company.set(alert_api_slow_ms=700)
    assert alerted(company, HOUR + 3600, hits=20, response_time_ms=800) == {"api_slow"}


def alert_cache_hit_pct(company: Company) -> None:
    assert alerted(company, HOUR, hits=10) == {"api_cache_hit_rate"}
    company.set(alert_cache_hit_pct=50)
    assert alerted(company, HOUR + 3600, hits=10) == set()


PROOFS: dict[str, Callable[[Company], None]] = {
    **{proof.__name__: proof for proof in (
        enabled, rate_limit, quota_mode, max_records, cache_ttl_minutes, cache_enabled, sync_mode, sync_window_hours,
        first_sync_hours, allow_get, alert_api_slow_ms, alert_cache_hit_pct,
    )},
    **{f"field_{name}": fields for name in FIELD_NAMES},
    "course_<id>": courses,
}  # fmt: skip


@pytest.mark.parametrize("companyid", [None, 999_999])
def test_a_token_without_a_company_goes_by_what_is_set_for_all(company: Company, companyid: int | None) -> None:
    token = make_token(company.api.engine, companyid)

    def get() -> str:
        return str(company.api.client.simulate_get(PATH, params=form(token)).json["errorcode"])

    assert get() == "invalidrequestmethod"
    set_company(company.api.engine, EVERY_COMPANY, allow_get=1)
    assert get() == "nocompanyassociation"
    set_company(company.api.engine, EVERY_COMPANY, allow_get=None)
    assert get() == "invalidrequestmethod"


def test_every_setting_has_its_proof() -> None:
    assert PROOFS.keys() == {*KINDS, "course_<id>"}


@pytest.mark.parametrize("proof", list(dict.fromkeys(PROOFS.values())), ids=lambda proof: proof.__name__)
def test_a_setting_does_what_it_says_from_the_next_request_on(
    company: Company, proof: Callable[[Company], None]
) -> None:
    proof(company)


def test_a_setting_for_all_companies_counts_for_one_whose_row_is_made_after_it_was_asked_for(company: Company) -> None:
    assert company.outcome(limit=4) == "ok"
    with transaction(company.api.engine) as connection:
        of_it = companies.c.companyid == company.table.companyid
        row = dict(connection.execute(select(companies).where(of_it)).mappings().one())
        connection.execute(delete(companies).where(of_it))
    assert company.outcome(limit=4) == "nocompanyassociation"
    set_company(company.api.engine, 0, max_records=3)
    try:
        company.alter(**{name: row[name] for name in ("shortname", "name", "published_seq", "row_count")})
        assert company.outcome(limit=4) == "limittoolarge"
    finally:
        set_company(company.api.engine, 0, max_records=None)


def test_a_setting_for_all_companies_counts_until_one_has_its_own(company: Company) -> None:
    set_company(company.api.engine, 0, max_records=3)
    try:
        assert company.outcome(limit=4) == "limittoolarge"
        company.set(max_records=4)
        assert company.outcome(limit=4) == "ok"
    finally:
        set_company(company.api.engine, 0, max_records=None)


def test_a_read_that_begins_again_is_free_for_two_minutes_from_its_charge(company: Company) -> None:
    company.set(quota_mode="reads", rate_limit=0)
    charged = []
    for seconds in (0, 60, 60, 0.5, 120, 0.5):
        company.api.clock.now += seconds
        assert company.outcome(limit=5) == "ok"
        charged.append(company.api.last["charged"])
    assert charged == [1, 0, 0, 1, 0, 1]


def test_later_pages_of_a_read_that_nobody_paid_for_are_not_free(company: Company) -> None:
    company.set(quota_mode="reads", rate_limit=1)
    assert company.outcome(limit=5) == "ok"
    assert [company.outcome(limit=4, offset=offset) for offset in (0, 4, 8, 0, 4)] == ["ratelimitexceeded"] * 5
    assert [company.outcome(limit=3, offset=9) for _ in range(2)] == ["ratelimitexceeded"] * 2
    company.api.clock.now += 121
    assert company.outcome(limit=5) == "ratelimitexceeded"
    assert company.outcome(limit=5, offset=5) == "ok"  # another client may be in the middle of the read that was paid
    company.set(rate_limit=2)
    assert [company.outcome(limit=4, offset=offset) for offset in (4, 0, 8)] == ["ok"] * 3
