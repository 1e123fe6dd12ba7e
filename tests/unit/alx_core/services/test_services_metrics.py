"""Hours counted in the database, on both kinds of it: right against the log row by row, repeatable, never lost."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, select

from alx_core.domain.freshness import HOUR_S
from alx_core.domain.histogram import BOUNDS_MS
from alx_core.domain.metrics import NO_COMPANY, HourMetrics
from alx_core.domain.outcomes import FAILED_AUTH
from alx_core.services.metrics import Recorded, first_hour, late_hours, newest_hour, record_hours
from alx_core.store.engine import connect, transaction
from alx_core.store.metrics import count_hours, load_hours, log_extent, metrics_of, row_of
from alx_core.store.tables import api_metrics_hourly, api_token_addresses, request_log
from support.histograms import histogram_of
from support.requests import HOUR, log_requests, make_refusal, make_request

NOW = HOUR + HOUR_S + 360


def record(engine: Engine, *, start: int = HOUR, hours: int = 1, now: int = NOW) -> Recorded:
    return record_hours(engine, start=start, end=start + hours * HOUR_S, now=now)


def rows_of(engine: Engine) -> list[dict[str, Any]]:
    query = select(api_metrics_hourly).order_by(api_metrics_hourly.c.hour, api_metrics_hourly.c.companyid)
    with connect(engine) as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def expected_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of one company's hour, computed the slow and plain way."""
    codes = sorted({row["outcome"] for row in rows} - {"ok"})
    successes = sum(row["outcome"] == "ok" for row in rows)
    return {
        "calls": len(rows),
        "successes": successes,
        "errors": len(rows) - successes,
        "errors_by_code": {code: sum(row["outcome"] == code for row in rows) for code in codes},
        "cache_hits": sum(row["cache_hit"] for row in rows),
        "replays": sum(row["replay"] for row in rows),
        "rows": sum(row["rows"] for row in rows),
        "bytes": sum(row["bytes"] for row in rows),
        "max_ms": max(row["response_time_ms"] for row in rows),
        "histogram": json.loads(histogram_of(row["response_time_ms"] for row in rows).dump()),
        "addresses": len({row["ip_address"] for row in rows}),
        "failed_auth": sum(row["outcome"] in FAILED_AUTH and row["token_id"] is None for row in rows),
        "quota_refusals": sum(row["outcome"] == "ratelimitexceeded" for row in rows),
        "charged": sum(row["charged"] for row in rows),
    }


def found_of(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "errors_by_code": json.loads(row["errors_by_code"]), "histogram": json.loads(row["histogram"])}


answered = st.fixed_dictionaries(
    {
        "at": st.integers(HOUR * 1000, (HOUR + 3 * HOUR_S) * 1000 - 1).map(lambda at_ms: at_ms / 1000),
        "companyid": st.sampled_from([1, 2, 17]),
        "outcome": st.sampled_from(["ok", "ok", "ok", "ratelimitexceeded", "invalidparameter", "accessexception"]),
        "rows": st.integers(0, 100_000),
        "bytes": st.integers(0, 10**10),
        # Bounds of the buckets too: there SQL and Python must not disagree.
        "response_time_ms": st.one_of(st.floats(0, 1e8), st.sampled_from(BOUNDS_MS), st.just(0.0)),
        "cache_hit": st.integers(0, 1),
        "replay": st.integers(0, 1),
        "charged": st.integers(0, 1),
        "ip_address": st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
    }
).map(lambda values: make_request(**values))
refused = st.sampled_from(sorted(FAILED_AUTH)).map(lambda code: make_refusal(outcome=code))


@profile(max_examples=40)
@given(rows=st.lists(st.one_of(answered, refused), max_size=60))
def test_every_figure_is_that_of_the_log_row_by_row(reporting_engine: Engine, rows: list[dict[str, Any]]) -> None:
    with transaction(reporting_engine) as connection:
        connection.execute(delete(request_log))
        connection.execute(delete(api_metrics_hourly))
    log_requests(reporting_engine, rows)
    record(reporting_engine, hours=3)
    groups: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in rows:
        hour = row["timeaccessed"] // 1000 // HOUR_S * HOUR_S
        groups.setdefault((hour, row["companyid"] or NO_COMPANY), []).append(row)
    found = rows_of(reporting_engine)
    assert [(row["hour"], row["companyid"]) for row in found] == sorted(groups)
    for row in found:
        mine = groups[row["hour"], row["companyid"]]
        assert found_of(row).items() >= expected_of(mine).items()
        mean = sum(each["response_time_ms"] for each in mine) / len(mine)
        assert row["mean_ms"] == pytest.approx(mean, abs=0.001)


def test_p95_is_within_three_percent_of_the_exact_one(reporting_engine: Engine) -> None:
    times = [0.3 * 1.01**index for index in range(1_000)]
    log_requests(reporting_engine, [make_request(response_time_ms=time) for time in times])
    record(reporting_engine)
    (row,) = rows_of(reporting_engine)
    assert row["p50_ms"] == pytest.approx(times[499], rel=0.03)
    assert row["p95_ms"] == pytest.approx(times[949], rel=0.03)
    assert row["p99_ms"] == pytest.approx(times[989], rel=0.03)
    assert row["max_ms"] == times[-1]


def test_an_hour_recorded_again_gives_the_same_row_to_the_last_column(reporting_engine: Engine) -> None:
    log_requests(
        reporting_engine, [make_request(companyid=index % 3 + 1, response_time_ms=index) for index in range(90)]
    )
    assert record(reporting_engine).rows_moved == 3
    before = rows_of(reporting_engine)
    again = record(reporting_engine, now=NOW + 7200)
    assert again.rows_moved == 0
    assert rows_of(reporting_engine) == before
    assert [row_of(each).items() <= row.items() for each, row in zip(again.metrics, before, strict=True)] == [True] * 3


def test_many_hours_at_once_give_the_rows_of_each_alone(reporting_engine: Engine) -> None:
    log_requests(
        reporting_engine, [make_request(at=HOUR + 600 * index, companyid=index % 2 + 1) for index in range(60)]
    )
    together = record(reporting_engine, hours=10).metrics
    alone = [each for hour in range(10) for each in record(reporting_engine, start=HOUR + hour * HOUR_S).metrics]
    assert len(together) == 20
    assert together == alone


def test_an_hour_ends_before_the_next_begins(reporting_engine: Engine) -> None:
    edges = [HOUR - 0.001, HOUR, HOUR + HOUR_S - 0.001, HOUR + HOUR_S]
    log_requests(reporting_engine, [make_request(at=at) for at in edges])
    assert [each.traffic.calls for each in record(reporting_engine).metrics] == [2]


def test_a_company_without_a_call_any_more_loses_its_row(reporting_engine: Engine) -> None:
    log_requests(reporting_engine, [make_request(at=HOUR - HOUR_S), make_request(), make_request(companyid=2)])
    record(reporting_engine)
    with transaction(reporting_engine) as connection:
        connection.execute(delete(request_log).where(request_log.c.companyid == 2))
    assert record(reporting_engine).rows_moved == 1
    assert [row["companyid"] for row in rows_of(reporting_engine)] == [1]


def test_requests_that_came_late_are_found_and_recorded(reporting_engine: Engine) -> None:
    log_requests(reporting_engine, [make_request(), make_request(at=HOUR + HOUR_S)])
    record(reporting_engine, hours=2)
    log_requests(reporting_engine, [make_request(at=HOUR + 30)])
    with connect(reporting_engine) as connection:
        assert late_hours(connection, start=HOUR - HOUR_S, end=HOUR + 2 * HOUR_S) == [HOUR]
    record(reporting_engine)
    with connect(reporting_engine) as connection:
        assert late_hours(connection, start=HOUR - HOUR_S, end=HOUR + 2 * HOUR_S) == []
    assert [row["calls"] for row in rows_of(reporting_engine)] == [2, 1]


@pytest.mark.parametrize("purged_until", [HOUR + 1800, HOUR + HOUR_S, HOUR + 9 * HOUR_S])
def test_hours_whose_requests_were_purged_keep_their_figures(reporting_engine: Engine, purged_until: int) -> None:
    """Purged into the middle of the hour, to its end, and everything."""
    log_requests(reporting_engine, [make_request(at=HOUR + 900 * index) for index in range(8)])
    record(reporting_engine, hours=2)
    before = rows_of(reporting_engine)
    with transaction(reporting_engine) as connection:
        connection.execute(delete(request_log).where(request_log.c.timeaccessed < purged_until * 1000))
    again = record(reporting_engine, hours=2)
    assert rows_of(reporting_engine) == before
    assert again.rows_moved == 0
    assert [each.traffic.calls for each in again.metrics] == [4, 4]


def test_a_row_read_back_is_the_figures_that_were_written(reporting_engine: Engine) -> None:
    rows = [make_request(response_time_ms=index / 7) for index in range(50)]
    log_requests(reporting_engine, [*rows, make_request(outcome="invalidparameter"), make_refusal()])
    written = record(reporting_engine).metrics
    with connect(reporting_engine) as connection:
        assert load_hours(connection, start=HOUR, end=HOUR + HOUR_S) == written
    assert [metrics_of(row_of(each)) for each in written] == written


def counted(connection: Connection) -> list[HourMetrics]:
    return count_hours(connection, start=HOUR, end=HOUR + HOUR_S)


def test_a_wrong_function_with_a_valid_token_is_no_failed_authentication(reporting_engine: Engine) -> None:
    log_requests(reporting_engine, [make_request(outcome="accessexception"), make_refusal(outcome="accessexception")])
    with connect(reporting_engine) as connection:
        found = {each.companyid: each.traffic.failed_auth for each in counted(connection)}
    assert found == {NO_COMPANY: 1, 1: 0}


def test_the_newest_hour_is_a_complete_one_with_requests(reporting_engine: Engine) -> None:
    log_requests(reporting_engine, [make_request(), make_request(at=HOUR + HOUR_S)])
    record(reporting_engine, hours=2)
    with connect(reporting_engine) as connection:
        assert [each.hour for each in newest_hour(connection, now=NOW)] == [HOUR]
        assert [each.hour for each in newest_hour(connection, now=NOW + 5 * HOUR_S)] == [HOUR + HOUR_S]
        assert newest_hour(connection, now=HOUR) == []


def test_an_empty_log_has_no_extent_and_no_first_hour(reporting_engine: Engine) -> None:
    assert record(reporting_engine).metrics == []
    with connect(reporting_engine) as connection:
        assert log_extent(connection) is None
        assert first_hour(connection) is None


def test_the_log_s_extent_names_its_ends(reporting_engine: Engine) -> None:
    log_requests(reporting_engine, [make_request(at=HOUR + 60 * index) for index in range(7)])
    with connect(reporting_engine) as connection:
        extent = log_extent(connection)
        assert first_hour(connection) == HOUR
    assert extent is not None
    assert (extent.requests, extent.oldest_ms, extent.newest_ms) == (7, HOUR * 1000, (HOUR + 360) * 1000)


def test_the_first_hour_is_the_oldest_one_whatever_a_clock_that_ran_ahead_dated_the_first_request(
    reporting_engine: Engine,
) -> None:
    log_requests(reporting_engine, [make_request(at=HOUR + 365 * 86_400), make_request(at=HOUR + 60)])
    with connect(reporting_engine) as connection:
        assert first_hour(connection) == HOUR


def test_addresses_are_noted_in_any_order_of_hours_and_forgotten_when_long_unused(reporting_engine: Engine) -> None:
    log_requests(
        reporting_engine,
        [
            make_request(at=HOUR + HOUR_S),
            make_request(at=HOUR + 5),
            make_request(at=HOUR + 6, ip_address="2001:db8::1"),
            make_request(at=HOUR + 9, ip_address="2001:db8::2"),
            make_refusal(),
        ],
    )
    record(reporting_engine, start=HOUR + HOUR_S)
    record(reporting_engine)
    assert noted(reporting_engine) == {
        (1, "192.0.2.1"): (HOUR + 5, HOUR + HOUR_S),
        (1, "2001:db8::"): (HOUR + 6, HOUR + 9),
    }
    record(reporting_engine, start=HOUR + 2 * HOUR_S, now=HOUR + 180 * 86_400 + 100)
    assert noted(reporting_engine).keys() == {(1, "192.0.2.1")}


def noted(engine: Engine) -> dict[tuple[int, str], tuple[int, int]]:
    with connect(engine) as connection:
        rows = connection.execute(select(api_token_addresses)).all()
    return {(row.token_id, row.site): (row.first_seen_at, row.last_seen_at) for row in rows}
