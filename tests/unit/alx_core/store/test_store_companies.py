"""The companies as the reporting database knows them, and the facts about the reporting table."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, insert

from alx_core.domain.sync import TableFacts
from alx_core.store.companies import list_companies, mark_gone, table_facts, upsert_companies, upsert_company
from alx_core.store.tables import reporting
from support.builders import COURSE, Row, make_table_row
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

ZERO = {
    "shortname": "", "name": "", "suspended": 0, "is_deleted": 0, "row_count": 0, "published_seq": 0,
    "last_synced_at": None, "last_error": None,
}  # fmt: skip


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("companies")) as made:
        yield made


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back, so that each test finds the tables empty."""
    with engine.connect() as made:
        yield made
        made.rollback()


def known(connection: Connection) -> dict[int, Row]:
    """The columns of ZERO of each company."""
    return {row["companyid"]: {name: row[name] for name in ZERO} for row in list_companies(connection)}


def test_a_new_company_takes_what_is_known_and_zeros_for_the_rest(connection: Connection) -> None:
    upsert_company(connection, 7, shortname="acme", last_synced_at=5)
    assert known(connection) == {7: {**ZERO, "shortname": "acme", "last_synced_at": 5}}


def test_what_is_not_named_keeps_its_value(connection: Connection) -> None:
    upsert_company(connection, 7, shortname="acme", name="Acme", published_seq=4, last_error="disk full")
    upsert_company(connection, 7, name="Acme Ltd", last_error=None)
    expected = {"shortname": "acme", "name": "Acme Ltd", "published_seq": 4, "last_error": None}
    assert known(connection) == {7: {**ZERO, **expected}}


def test_writing_the_same_twice_changes_nothing(connection: Connection) -> None:
    for _ in range(2):
        upsert_company(connection, 7, shortname="acme", row_count=3)
    assert known(connection) == {7: {**ZERO, "shortname": "acme", "row_count": 3}}


def test_many_companies_are_written_at_once_each_with_its_own_values_and_cache_id(connection: Connection) -> None:
    upsert_company(connection, 2, shortname="beta", name="Beta", row_count=9)
    upsert_companies(connection, [{"companyid": each, "shortname": f"c{each}", "published_seq": 4} for each in (1, 2)])
    upsert_companies(connection, [])
    new = {"shortname": "c1", "published_seq": 4}
    assert known(connection) == {
        1: {**ZERO, **new},
        2: {**ZERO, "shortname": "c2", "name": "Beta", "row_count": 9, "published_seq": 4},
    }
    assert len({row["cache_id"] for row in list_companies(connection)}) == 2


def test_companies_come_by_shortname_those_gone_too(connection: Connection) -> None:
    for companyid, shortname in ((1, "gamma"), (2, "alpha"), (3, "beta")):
        upsert_company(connection, companyid, shortname=shortname, is_deleted=companyid % 2)
    assert [row["shortname"] for row in list_companies(connection)] == ["alpha", "beta", "gamma"]


@pytest.mark.parametrize(("present", "gone"), [([1, 2, 3], set()), ([2], {1, 3}), ([], {1, 2, 3}), ([2, 99], {1, 3})])
def test_the_companies_that_moodle_no_longer_has_are_marked(
    connection: Connection, present: list[int], gone: set[int]
) -> None:
    for companyid in (1, 2, 3):
        upsert_company(connection, companyid, shortname=str(companyid))
    mark_gone(connection, present)
    assert {companyid for companyid, row in known(connection).items() if row["is_deleted"]} == gone


def fill(connection: Connection, *rows: Row) -> None:
    connection.execute(insert(reporting), list(rows))


def test_an_empty_table_has_no_facts(connection: Connection) -> None:
    assert table_facts(connection) == TableFacts(rows={})


def test_rows_are_counted_by_company_without_tombstones(connection: Connection) -> None:
    rows = [(1, 100, 0), (1, 101, 0), (1, 102, 1), (2, 100, 0), (3, 100, 1)]
    fill(connection, *(make_table_row(companyid=c, userid=u, is_deleted=gone) for c, u, gone in rows))
    assert table_facts(connection).rows == {1: 2, 2: 1}


def test_percentages_below_0_or_above_100_are_counted_over_all_companies(connection: Connection) -> None:
    percentages = [0.0, 100.0, None, 50.5, -0.01, 100.01]
    rows = [make_table_row(companyid=1 + i % 2, courseid=COURSE + i, percentage=p) for i, p in enumerate(percentages)]
    fill(connection, *rows, make_table_row(courseid=COURSE + 99, percentage=999.0, is_deleted=1))
    assert table_facts(connection).percentage_out_of_range == 2


def test_completed_rows_without_a_time_are_counted_over_all_companies(connection: Connection) -> None:
    fill(
        connection,
        make_table_row(courseid=1, status="completed", timecompleted=5),
        make_table_row(courseid=2, status="completed", timecompleted=0),
        make_table_row(companyid=2, courseid=2, status="completed", timecompleted=0),
        make_table_row(courseid=3, status="in_progress", timecompleted=0),
        make_table_row(courseid=4, status="completed", timecompleted=0, is_deleted=1),
    )
    assert table_facts(connection).completed_without_time == 2


def test_a_sound_table_has_no_duplicate_keys(connection: Connection) -> None:
    fill(connection, make_table_row(), make_table_row(courseid=COURSE + 1), make_table_row(companyid=2))
    assert table_facts(connection).duplicate_keys == 0
