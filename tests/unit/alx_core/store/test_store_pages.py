"""A page costs its own rows, however much history there is; and it is right whatever the stretch of keys holds."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert, text

from alx_core.store.companies import upsert_company
from alx_core.store.engine import transaction
from alx_core.store.pages import (
    COLUMNS,
    MAP_STEP,
    SKIP_STEP,
    STRETCH_SLACK,
    USERID,
    PageKey,
    Snapshot,
    page_map,
    read_page,
)
from alx_core.store.tables import reporting, reporting_history
from support.builders import COMPANY, make_table_row
from support.reads import Company, FakeClock
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

ROWS = 6_000


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("pages")) as made:
        yield made


@pytest.fixture
def company(engine: Engine) -> Company:
    return Company(engine, FakeClock())


def page(
    engine: Engine, snapshot: Snapshot, after: PageKey | None = None, skip: int = 0, limit: int = 10
) -> list[tuple[int, str]]:
    with engine.connect() as connection:
        rows = read_page(connection, snapshot, after=after, skip=skip, limit=limit)
        return [(row[USERID], row[COLUMNS.index("firstname")]) for row in rows]


def test_the_columns_are_those_behind_the_served_fields() -> None:
    assert set(COLUMNS) <= {column.name for column in reporting.columns}
    assert {"userid", "courseid"} <= set(COLUMNS)


def test_a_snapshot_holds_the_versions_of_its_time(engine: Engine, company: Company) -> None:
    company.rows = {(userid, 1): "a" for userid in (1, 2, 3)}
    first = company.sync()
    company.rows = {(1, 1): "b", (3, 1): "a", (4, 1): "b"}
    second = company.sync()
    company.rows = {(userid, 1): "c" for userid in (1, 2, 3, 4)}
    third = company.sync()

    def at(seq: int, **since: int) -> list[tuple[int, str]]:
        return page(engine, Snapshot(company.companyid, seq, **since))

    assert at(0) == []
    assert at(first) == [(1, "a"), (2, "a"), (3, "a")]
    assert at(second) == [(1, "b"), (3, "a"), (4, "b")]
    assert at(third) == [(1, "c"), (2, "c"), (3, "c"), (4, "c")]
    assert at(second, since_seq=first) == [(1, "b"), (4, "b")]
    assert at(third, since_seq=second) == at(third)


def test_since_time_is_inclusive_and_looks_at_the_version_shown(engine: Engine, company: Company) -> None:
    company.rows = {(1, 1): "a", (2, 1): "a"}
    first = company.sync()
    company.clock.now += 100
    company.rows = {(1, 1): "b", (2, 1): "a"}
    second = company.sync()
    now = int(company.clock.now)
    assert page(engine, Snapshot(company.companyid, second, since_time=now)) == [(1, "b")]
    assert page(engine, Snapshot(company.companyid, second, since_time=now + 1)) == []
    assert page(engine, Snapshot(company.companyid, first, since_time=now - 100)) == [(1, "a"), (2, "a")]
    assert page(engine, Snapshot(company.companyid, first, since_time=now)) == []


def test_hidden_courses_and_other_companies_are_left_out(engine: Engine, company: Company) -> None:
    company.rows = {(1, 1): "a", (1, 2): "b", (2, 3): "c"}
    other = Company(engine, company.clock, rows={(1, 1): "x"})
    other.sync()
    seq = company.sync()
    assert page(engine, Snapshot(company.companyid, seq, hidden_courses={2, 3, 99})) == [(1, "a")]


def test_a_page_is_found_where_nearly_no_row_of_the_snapshot_is_left(engine: Engine, company: Company) -> None:
    company.rows = {(userid, 1): "old" for userid in range(1, ROWS, 1000)}
    first = company.sync()
    company.rows = {(userid, 1): "new" for userid in range(ROWS)}
    company.sync()
    whole = [(userid, "old") for userid in range(1, ROWS, 1000)]
    snapshot = Snapshot(company.companyid, first)
    assert page(engine, snapshot, limit=100) == whole
    for skip in range(len(whole) + 2):
        assert page(engine, snapshot, skip=skip, limit=2) == whole[skip : skip + 2]
        assert page(engine, snapshot, after=(1, 1), skip=skip, limit=3) == whole[1 + skip : 4 + skip]


def test_the_map_knows_the_key_before_each_step(engine: Engine, company: Company) -> None:
    company.rows = {(userid, 1): "a" for userid in range(1, 3 * MAP_STEP)}
    first = company.sync()
    company.rows = {(userid, 1): "b" for userid in range(MAP_STEP // 2, 4 * MAP_STEP)}
    company.sync()
    with engine.connect() as connection:
        assert page_map(connection, Snapshot(company.companyid, first)) == [(MAP_STEP, 1), (2 * MAP_STEP, 1)]
        assert page_map(connection, Snapshot(company.companyid, first, hidden_courses={1})) == []


def test_pages_at_all_offsets_are_read_by_few_statements_for_each_length(engine: Engine, company: Company) -> None:
    company.rows = {(userid, 1): "a" for userid in range(3 * MAP_STEP)}
    snapshot, statements = Snapshot(company.companyid, company.sync()), set()
    with engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *execution: statements.add(execution[2]))
        for skip in range(MAP_STEP):
            rows = read_page(connection, snapshot, after=None, skip=skip, limit=MAP_STEP)
            assert [row[USERID] for row in rows] == list(range(skip, skip + MAP_STEP))
    assert len(statements) == 1 + MAP_STEP // SKIP_STEP


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """6,000 rows of one company, each with five replaced versions, and of another with none."""
    with migrated_engine("postgresql", tmp_path_factory.mktemp("plans")) as made:
        with transaction(made) as connection:
            for companyid in (COMPANY, COMPANY + 1):
                rows = [make_table_row(companyid=companyid, userid=each, change_seq=6) for each in range(ROWS)]
                connection.execute(insert(reporting), rows)
                upsert_company(connection, companyid, shortname=f"c{companyid}", published_seq=6)
            for seq in range(1, 6):
                old = [{**row, "companyid": COMPANY, "change_seq": seq, "superseded_seq": seq + 1, "superseded_at": 0}
                       for row in rows]  # fmt: skip
                connection.execute(insert(reporting_history), old)
        with made.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
        yield made


def rows_touched(connection: Connection, snapshot: Snapshot, **where: Any) -> tuple[int, set[str]]:
    """How many rows the database looked at to read a page, dropped ones included, and by which kinds of scan."""
    plans: list[Any] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            with cursor.connection.cursor() as another:
                another.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
                plans.append(another.fetchone()[0][0]["Plan"])

    event.listen(connection, "before_cursor_execute", explain)
    read_page(connection, snapshot, **where)
    event.remove(connection, "before_cursor_execute", explain)
    tables = (reporting.name, reporting_history.name)
    scans = [node for plan in plans for node in nodes(plan) if node.get("Relation Name") in tables]
    touched = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in scans
    )
    assert plans, json.dumps(plans)
    return int(touched), {node["Node Type"] for node in scans}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from nodes(each)


VERSIONS = 5


@pytest.mark.slow
@pytest.mark.parametrize("seq", [1, 3, 6])
@pytest.mark.parametrize("companyid", [COMPANY, COMPANY + 1])
@pytest.mark.parametrize("after", [None, (100, 10), (5000, 10)])
def test_a_page_is_read_by_key_and_costs_its_own_rows(
    postgresql: Engine, companyid: int, seq: int, after: PageKey | None
) -> None:
    limit, skip = 50, 20
    if companyid != COMPANY and seq != 6:
        return  # its rows were not there before
    with postgresql.connect() as connection:
        touched, scans = rows_touched(connection, Snapshot(companyid, seq), after=after, skip=skip, limit=limit)
    width = skip + limit + (skip + limit) // 4 + STRETCH_SLACK + 1
    assert touched <= width * (2 + VERSIONS)  # the key of the end, the rows, their versions
    assert "Seq Scan" not in scans
