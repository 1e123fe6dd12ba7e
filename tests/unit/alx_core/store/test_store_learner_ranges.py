"""The condition that a learner is in one of some ranges, asked of each kind of database."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, Engine, MetaData, Numeric, Table, create_engine, insert, select

from alx_core.domain.learners import EVERYBODY, MAX_ID, Layout, LearnerRange, merged
from alx_core.store.learner_ranges import MOST_LOOKUPS, is_in
from alx_core.store.tables import reporting
from support.databases import scratch_database
from support.reporting_databases import KINDS_OF_DATABASE

WIDTH, COUNT = 16, 200
LAYOUT = Layout(WIDTH, COUNT)
LAST = COUNT * WIDTH - 1
IDS = [*range(COUNT * WIDTH), LAST + 1, 2**31, MAX_ID]
UNREADABLE = [-1, -WIDTH, -(2**62), None]

learners = Table("learners", MetaData(), Column("number", BigInteger), Column("userid", Numeric(20, 0)))
"""Ids as integers and, as some sites keep them, as decimals."""


@pytest.fixture(scope="module", params=[*KINDS_OF_DATABASE, pytest.param("mysql", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "sqlite":
        yield from filled(create_engine("sqlite://"))
        return
    with scratch_database(request.param) as url:
        yield from filled(create_engine(url))


def filled(engine: Engine) -> Iterator[Engine]:
    learners.create(engine)
    with engine.begin() as connection:
        connection.execute(insert(learners), [{"number": each, "userid": each} for each in [*IDS, *UNREADABLE]])
    yield engine
    engine.dispose()


def found(
    engine: Engine, ranges: Sequence[LearnerRange], column: str = "number", *, most_lookups: int = MOST_LOOKUPS
) -> set[int | None]:
    condition = is_in(learners.c[column], ranges, most_lookups=most_lookups, is_indexed=True)
    query = select(learners.c[column]).where(condition)
    with engine.connect() as connection:
        ids = connection.execute(query).scalars().all()
    assert len(set(ids)) == len(ids)
    return {None if each is None else int(each) for each in ids}


def wanted(ranges: Sequence[LearnerRange]) -> set[int | None]:
    unreadable = UNREADABLE if ranges and ranges[0].first == 0 else []
    return {each for each in IDS if any(r.first <= each <= r.last for r in ranges)} | {*unreadable}


def apart(*indexes: int) -> list[LearnerRange]:
    return merged([LAYOUT.range_at(index) for index in sorted(indexes)])


MANY = range(0, COUNT, 2)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(indexes=st.sets(st.integers(0, COUNT - 1), min_size=1))
@example(indexes={*MANY})
@example(indexes={*MANY, COUNT - 1})
@example(indexes={*range(1, COUNT, 2)})
@example(indexes={*range(1, COUNT - 1, 2)})
@example(indexes={0, COUNT - 1})
def test_the_learners_of_some_ranges_are_found_and_no_others(engine: Engine, indexes: set[int]) -> None:
    assert found(engine, apart(*indexes)) == wanted(apart(*indexes))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(indexes=st.sets(st.integers(0, COUNT - 1), min_size=2, max_size=8))
@example(indexes={0, 99, COUNT - 1})
@example(indexes={1, 99, COUNT - 2})
def test_the_learners_of_few_ranges_among_many_are_found_by_their_ids(engine: Engine, indexes: set[int]) -> None:
    assert found(engine, apart(*indexes), most_lookups=1) == wanted(apart(*indexes))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["postgresql", "mysql"], indirect=True)
@pytest.mark.parametrize("most_lookups", [MOST_LOOKUPS, 1])
@pytest.mark.parametrize("indexes", [[0, 7, 8], [3], [0, 99, COUNT - 1], [*MANY, COUNT - 1]])
def test_ids_may_be_decimals(engine: Engine, indexes: list[int], most_lookups: int) -> None:
    assert found(engine, apart(*indexes), "userid", most_lookups=most_lookups) == wanted(apart(*indexes))


def test_everybody_is_every_id_whether_it_can_be_right_or_not(engine: Engine) -> None:
    assert found(engine, [EVERYBODY]) == {*IDS, *UNREADABLE}


def test_bounds_that_no_power_of_two_divides_are_kept(engine: Engine) -> None:
    odd = [LearnerRange(first, first + 2) for first in range(1, 401, 4)]
    assert len(odd) > MOST_LOOKUPS
    assert found(engine, odd) == wanted(odd)


def test_a_column_that_cannot_be_null_is_not_asked_whether_it_is() -> None:
    """SQLite would look at each row of a company, where the key finds the learners."""
    for ranges in (apart(0), apart(*MANY)):
        assert "NULL" in str(is_in(learners.c.number, ranges))
        assert "NULL" not in str(is_in(reporting.c.userid, ranges))


def test_a_database_is_given_each_range_or_one_list_whatever_their_number() -> None:
    """Each bound is compared with each row that no index finds: 22 s instead of 2 were measured."""
    few, many = (str(is_in(learners.c.number, apart(*range(0, 2 * count, 2)))) for count in (MOST_LOOKUPS, COUNT // 2))
    assert (few.count("BETWEEN"), " IN " in few) == (MOST_LOOKUPS - 1, False)
    assert (many.count("BETWEEN"), " IN " in many) == (0, True)


@pytest.mark.parametrize(
    ("every", "is_indexed", "named"), [(17, True, True), (16, True, False), (17, False, False), (2, True, False)]
)
def test_ids_are_named_where_an_index_finds_them_and_they_are_few(every: int, is_indexed: bool, named: bool) -> None:
    ranges = [LearnerRange(first, first) for first in range(1, 101 * every, every)]
    sql = str(is_in(learners.c.number, ranges, is_indexed=is_indexed).compile(compile_kwargs={"literal_binds": True}))
    assert (f"learners.number IN (1, {1 + every}" in sql, ">>" in sql) == (named, not named)


def test_no_more_ids_are_named_than_a_statement_takes() -> None:
    ranges = [LearnerRange(first << 20, (first << 20) + 255) for first in range(MOST_LOOKUPS + 1)]
    assert ">>" in str(is_in(learners.c.number, ranges, is_indexed=True))
