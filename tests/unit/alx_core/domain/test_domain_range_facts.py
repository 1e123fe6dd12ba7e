"""Facts and digests of many ranges at once: those that each range has by itself."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alx_core.domain.learners import Layout
from alx_core.domain.progress import LEARNER_TABLES, Snapshot, reporting_rows
from alx_core.domain.range_facts import RangeFacts, companies_by_range, range_digests, range_facts, rows_by_range
from support.builders import (
    COMPANY,
    LEARNER,
    NOW,
    learners_of,
    make_course_completion,
    make_many_learners,
    make_snapshot,
    make_user_enrolment,
)
from support.random_sites import USERS, snapshots
from support.ranges import ONE_RANGE, newest_change, next_change_at, snapshot_digest

LAYOUTS = [Layout(USERS[1], 2), Layout(3, USERS[-1] // 3 + 1), Layout(1, USERS[-1] + 1), Layout(2**40, 1)]
"""The learners of a random site in two ranges, in two others, each in one of its own, all in one."""


def facts_of(snapshot: Snapshot, layout: Layout, *, as_of: int = NOW) -> dict[int, RangeFacts]:
    found = rows_by_range(snapshot, as_of=as_of, layout=layout, is_hashed=False)
    rows = reporting_rows(snapshot, as_of=as_of)
    return range_facts(snapshot, found, rows, as_of=as_of, layout=layout, indexes=range(layout.count))


@settings(max_examples=15)
@given(snapshot=snapshots(), layout=st.sampled_from(LAYOUTS))
def test_each_range_has_the_facts_and_the_digest_that_it_has_by_itself(snapshot: Snapshot, layout: Layout) -> None:
    facts = facts_of(snapshot, layout)
    digests = range_digests(rows_by_range(snapshot, as_of=NOW, layout=layout), range(layout.count))
    assert facts.keys() == digests.keys() == {*range(layout.count)}
    for index in {0, *(min(each // layout.width, layout.count - 1) for each in USERS)}:
        alone = learners_of(snapshot, layout.range_at(index))
        assert facts[index] == facts_of(alone, ONE_RANGE)[0]
        assert digests[index] == snapshot_digest(alone)


@settings(max_examples=15)
@given(snapshot=snapshots(), layout=st.sampled_from(LAYOUTS))
def test_the_ranges_together_make_the_figures_of_the_site(snapshot: Snapshot, layout: Layout) -> None:
    facts = facts_of(snapshot, layout).values()
    rows = reporting_rows(snapshot, as_of=NOW)
    assert sum((Counter(each.rows) for each in facts), Counter()) == Counter(rows["companyid"].to_list())
    for name in LEARNER_TABLES:
        assert sum(each.rows_read[name] for each in facts) == snapshot[name].height
    assert max((each.newest_change for each in facts if each.newest_change), default=None) == newest_change(
        snapshot, as_of=NOW
    )
    assert min((each.valid_until for each in facts if each.valid_until), default=None) == next_change_at(
        snapshot, as_of=NOW
    )


def test_a_range_without_learners_has_no_rows() -> None:
    layout = Layout(LEARNER, 3)
    empty = facts_of(make_snapshot(), layout)[2]
    assert (empty.rows, empty.newest_change, empty.valid_until) == ({}, None, None)
    assert empty.rows_read == dict.fromkeys(LEARNER_TABLES, 0)


@pytest.mark.parametrize("time", [-1, 10**15])
def test_what_is_no_time_is_no_newest_change(time: int) -> None:
    snapshot = make_snapshot(course_completions=[make_course_completion(timecompleted=time)])
    assert facts_of(snapshot, ONE_RANGE)[0].newest_change == NOW - 1000


def test_a_sum_of_hashes_beyond_63_bits_is_that_of_the_database() -> None:
    """Of numbers below 2**63 whose sum is not; a database adds without a bound, and is asked for the remainder."""
    rows = make_snapshot(**make_many_learners(40))["user_enrolments"]
    each = [rows_by_range(one, as_of=NOW, layout=ONE_RANGE)["user_enrolments"][0].total for one in split(rows)]
    together = rows_by_range(with_enrolments(rows), as_of=NOW, layout=ONE_RANGE)["user_enrolments"][0]
    assert sum(each) > 2**64
    assert together.total == sum(each) % 2**64


def with_enrolments(rows: pl.DataFrame) -> Snapshot:
    return {**make_snapshot(), "user_enrolments": rows}


def split(rows: pl.DataFrame) -> list[Snapshot]:
    return [with_enrolments(each) for each in rows.iter_slices(1)]


def test_rows_are_counted_by_range_and_company() -> None:
    site = make_snapshot(
        **{
            **make_many_learners(2, step=100),
            "user_enrolments": [make_user_enrolment(), make_user_enrolment(userid=LEARNER + 100)],
        }
    )
    rows = reporting_rows(site, as_of=NOW)
    layout = Layout(LEARNER, 5)
    assert sorted(companies_by_range(rows, layout)) == [(1, COMPANY, 1), (2, COMPANY, 1)]
