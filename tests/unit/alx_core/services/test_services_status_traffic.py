"""The last 24 hours of calls: the same figures from the hourly metrics, from the log, and from memory."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event

from alx_core.domain.metrics import Traffic
from alx_core.services.status.traffic import MAX_SPANS, RecentTraffic, TrafficReader, join_spans
from alx_core.store.engine import connect, transaction
from alx_core.store.metrics import count_hours, replace_hours
from alx_core.store.tables import api_metrics_hourly
from support.requests import HOUR, log_requests, make_refusal, make_request

NOW = HOUR + 1_800
DAY_S = 86_400


def read(engine: Engine, reader: TrafficReader | None = None, now: int = NOW) -> RecentTraffic:
    with connect(engine) as connection:
        return (reader or TrafficReader()).read(connection, now=now)


def count(engine: Engine, *, start: int, end: int) -> None:
    """Do what the pipeline does for some hours."""
    with transaction(engine) as connection:
        replace_hours(connection, metrics=count_hours(connection, start=start, end=end), known=[], now=end)


def make_day(every_s: int = 613) -> list[dict[str, Any]]:
    return [
        make_request(
            at=NOW - age,
            companyid=1 + age % 3,
            cache_hit=age % 2,
            response_time_ms=float(1 + age % 97),
            outcome="ok" if age % 5 else "limittoolarge",
        )
        for age in range(0, DAY_S + 7_200, every_s)
    ]


def in_window(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if NOW - DAY_S <= row["timeaccessed"] / 1000 < NOW + 1]


def expect_figures(traffic: RecentTraffic, rows: list[dict[str, Any]]) -> None:
    rows = in_window(rows)
    total = traffic.total
    assert total.calls == len(rows)
    assert total.successes == sum(row["outcome"] == "ok" for row in rows)
    assert total.cache_hits == sum(row["cache_hit"] for row in rows)
    assert total.rows == sum(row["rows"] for row in rows)
    assert total.bytes == sum(row["bytes"] for row in rows)
    assert total.mean_ms == pytest.approx(sum(row["response_time_ms"] for row in rows) / len(rows))
    times = sorted(row["response_time_ms"] for row in rows)
    assert total.percentile_ms(50) == pytest.approx(times[(len(times) - 1) // 2], rel=0.05)
    by_company = {companyid: sum(each.calls for each in parts) for companyid, parts in traffic.by_company.items()}
    assert by_company == {key: sum((row["companyid"] or 0) == key for row in rows) for key in by_company}
    assert sum(by_company.values()) == len(rows)
    for start, hour in traffic.hours:
        assert hour.calls == sum(start <= row["timeaccessed"] / 1000 < start + 3600 for row in rows)


def test_an_api_that_nobody_calls_has_24_hours_of_nothing(reporting_engine: Engine) -> None:
    traffic = read(reporting_engine)
    assert traffic.total == Traffic()
    assert len(traffic.hours) == 24
    assert traffic.hours[-1][0] == HOUR


def test_the_window_is_exact_to_the_second(reporting_engine: Engine) -> None:
    log_requests(
        reporting_engine, [make_request(at=NOW - DAY_S - 1), make_request(at=NOW - DAY_S), make_request(at=NOW)]
    )
    assert read(reporting_engine).total.calls == 2


@pytest.mark.parametrize("counted_hours", [0, 5, 23, 26])
def test_the_figures_are_the_same_however_much_of_the_day_was_counted(
    reporting_engine: Engine, counted_hours: int
) -> None:
    rows = make_day()
    log_requests(reporting_engine, rows)
    count(reporting_engine, start=HOUR - 26 * 3600, end=HOUR - (26 - counted_hours) * 3600)
    expect_figures(read(reporting_engine), rows)


def test_a_second_look_says_the_same_from_memory(reporting_engine: Engine) -> None:
    rows = [*make_day(), make_refusal(at=NOW - 50)]
    log_requests(reporting_engine, rows)
    count(reporting_engine, start=HOUR - 20 * 3600, end=HOUR - 10 * 3600)
    reader = TrafficReader()
    assert read(reporting_engine, reader) == read(reporting_engine, reader)
    expect_figures(read(reporting_engine, reader), rows)


def test_a_second_look_reads_hours_that_are_over_neither_from_the_log_nor_from_the_metrics(
    reporting_engine: Engine,
) -> None:
    log_requests(reporting_engine, make_day())
    count(reporting_engine, start=HOUR - 20 * 3600, end=HOUR - 10 * 3600)
    reader = TrafficReader()
    read(reporting_engine, reader)
    bounds: list[Any] = []

    def note(*arguments: Any) -> None:
        bounds.append((arguments[2], arguments[3]))

    event.listen(reporting_engine, "before_cursor_execute", note)
    read(reporting_engine, reader)
    event.remove(reporting_engine, "before_cursor_execute", note)
    assert not [statement for statement, _ in bounds if "histogram" in statement]
    log_reads = [str(values) for statement, values in bounds if "UNION ALL" in statement]
    assert len(log_reads) == 1
    assert str((HOUR - 5 * 3600) * 1000) not in log_reads[0]
    assert str(HOUR * 1000) in log_reads[0]


def test_a_request_that_reaches_the_log_late_is_in_the_next_look(reporting_engine: Engine) -> None:
    rows = make_day()
    log_requests(reporting_engine, rows)
    reader = TrafficReader()
    read(reporting_engine, reader)
    late = make_request(at=HOUR - 5 * 3600 + 10)
    log_requests(reporting_engine, [late])
    expect_figures(read(reporting_engine, reader), [*rows, late])


def test_an_hour_that_is_counted_anew_is_in_the_next_look(reporting_engine: Engine) -> None:
    rows = make_day()
    log_requests(reporting_engine, rows)
    count(reporting_engine, start=HOUR - 26 * 3600, end=HOUR)
    reader = TrafficReader()
    read(reporting_engine, reader)
    late = make_request(at=HOUR - 5 * 3600 + 10)
    log_requests(reporting_engine, [late])
    with transaction(reporting_engine) as connection:
        connection.execute(delete(api_metrics_hourly).where(api_metrics_hourly.c.hour == HOUR - 5 * 3600))
    count(reporting_engine, start=HOUR - 5 * 3600, end=HOUR - 4 * 3600)
    expect_figures(read(reporting_engine, reader), [*rows, late])


def test_time_goes_on_for_a_reader_that_remembers(reporting_engine: Engine) -> None:
    rows = make_day()
    log_requests(reporting_engine, rows)
    reader = TrafficReader()
    for later in (0, 1_799, 1_801, 3_600, 7_200):
        now = NOW + later
        wanted = [row for row in rows if now - DAY_S <= row["timeaccessed"] / 1000 <= now]
        assert read(reporting_engine, reader, now).total.calls == len(wanted)


HOURS = st.lists(st.integers(0, 40), unique=True).map(sorted)


@given(HOURS)
def test_joined_spans_are_few_and_cover_all_that_was_asked(hours: list[int]) -> None:
    joined = join_spans((hour * 3600, (hour + 1) * 3600) for hour in hours)
    assert len(joined) <= MAX_SPANS
    assert all(any(start <= hour * 3600 < end for start, end in joined) for hour in hours)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(joined))
