"""Facts and digests of many ranges at once: those that each range has by itself."""

from itertools import accumulate

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alx_core.domain.learners import Layout
from alx_core.domain.progress import LEARNER_TABLES, Snapshot
from alx_core.domain.range_facts import DIGEST, of_ranges, range_facts, rows_in, rows_read, with_same_digest, without
from support.builders import (
    LEARNER,
    NOW,
    learners_of,
    make_course_completion,
    make_many_learners,
    make_snapshot,
)
from support.random_sites import USERS, snapshots
from support.ranges import ONE_RANGE, facts_of_all, newest_change, next_change_at

LAYOUTS = [Layout(USERS[1], 2), Layout(3, USERS[-1] // 3 + 1), Layout(1, USERS[-1] + 1), Layout(2**40, 1)]
"""The learners of a random site in two ranges, in two others, each in one of its own, all in one."""

TOTALS = [f"{table}_total" for table in LEARNER_TABLES]


def facts_of(snapshot: Snapshot, layout: Layout) -> pl.DataFrame:
    return range_facts(snapshot, as_of=NOW, layout=layout, indexes=range(layout.count))


@settings(max_examples=15)
@given(snapshot=snapshots(), layout=st.sampled_from(LAYOUTS))
def test_each_range_has_the_facts_that_it_has_by_itself(snapshot: Snapshot, layout: Layout) -> None:
    facts = facts_of(snapshot, layout)
    assert facts["index"].to_list() == [*range(layout.count)]
    for index in {0, *(min(each // layout.width, layout.count - 1) for each in USERS)}:
        alone = learners_of(snapshot, layout.range_at(index))
        assert facts.row(index, named=True) == {**facts_of_all(alone), "index": index}


@settings(max_examples=15)
@given(snapshot=snapshots(), layout=st.sampled_from(LAYOUTS))
def test_the_ranges_together_make_the_figures_of_the_site(snapshot: Snapshot, layout: Layout) -> None:
    facts = facts_of(snapshot, layout)
    assert rows_read(facts) == {name: snapshot[name].height for name in LEARNER_TABLES}
    assert rows_in(facts) == sum(snapshot[name].height for name in LEARNER_TABLES)
    assert facts["newest_change"].max() == newest_change(snapshot, as_of=NOW)
    assert facts["valid_until"].min() == next_change_at(snapshot, as_of=NOW)


def test_a_range_without_learners_has_no_rows() -> None:
    empty = facts_of(make_snapshot(), Layout(LEARNER, 3)).row(2, named=True)
    assert empty == {"index": 2, **dict.fromkeys(DIGEST, 0), "newest_change": None, "valid_until": None}


def test_sums_are_not_worked_out_where_nobody_asks_for_them() -> None:
    facts = range_facts(make_snapshot(), as_of=NOW, layout=ONE_RANGE, indexes=[0], is_hashed=False)
    assert facts.row(0, named=True) == {**facts_of_all(make_snapshot()), **dict.fromkeys(TOTALS, 0)}


@pytest.mark.parametrize("column", DIGEST)
def test_ranges_have_the_same_digest_where_each_number_is(column: str) -> None:
    ranges = facts_of(make_snapshot(), Layout(LEARNER // 2, 4))
    others = ranges.with_columns(
        pl.when(pl.col("index") == 1).then(pl.col(column) + 1).otherwise(pl.col(column)).alias(column)
    )
    assert with_same_digest(ranges, others).equals(without(ranges, [1]))
    assert of_ranges(ranges, [3, 1])["index"].to_list() == [1, 3]


@pytest.mark.parametrize("time", [-1, 10**15])
def test_what_is_no_time_is_no_newest_change(time: int) -> None:
    snapshot = make_snapshot(course_completions=[make_course_completion(timecompleted=time)])
    assert facts_of_all(snapshot)["newest_change"] == NOW - 1000


def test_a_sum_of_hashes_beyond_63_bits_is_that_of_the_database() -> None:
    """Of numbers below 2**63 whose sum is not; a database adds without a bound, and is asked for the remainder."""
    rows = make_snapshot(**make_many_learners(40))["user_enrolments"]
    each = [total_of(with_enrolments(row)) for row in rows.iter_slices(1)]
    sums = [*accumulate(each)]
    assert sums[-1] > 2**64
    assert [total_of(with_enrolments(rows.head(end + 1))) for end in range(40)] == [each % 2**63 for each in sums]


def total_of(snapshot: Snapshot) -> int:
    total: int = facts_of_all(snapshot)["user_enrolments_total"]
    return total


def with_enrolments(rows: pl.DataFrame) -> Snapshot:
    return {**make_snapshot(), "user_enrolments": rows}
