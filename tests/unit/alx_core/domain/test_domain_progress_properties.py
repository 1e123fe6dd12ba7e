"""What holds for the rules on any site, against the plain re-telling of Moodle core in `support.oracle`."""

import random
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from alx_core.domain.learners import MAX_ID, LearnerRange
from alx_core.domain.progress import CONTENT, KEY, LEARNER_TABLES, Snapshot, reporting_rows
from support.builders import NOW, Key, Row, by_key, learners_of
from support.oracle import oracle_of
from support.random_sites import COMPANIES, USERS, snapshots
from support.ranges import newest_change, next_change_at

few_examples = settings(max_examples=15)
instants = st.integers(NOW - 4000, NOW + 4000) | st.sampled_from([NOW - 3600, NOW - 1, NOW, NOW + 1, NOW + 3600])


def core_says(snapshot: Snapshot, now: int) -> dict[Key, Row]:
    return oracle_of({name: frame.to_dicts() for name, frame in snapshot.items()}, now)


def as_the_oracle_says_it(rows: pl.DataFrame) -> dict[Key, Row]:
    found = by_key(rows)
    for row in found.values():
        hundredths = row.pop("percentage_x100")
        row["percentage"] = None if hundredths is None else pytest.approx(hundredths / 100, abs=1e-9)
    return found


@settings(max_examples=40)
@given(snapshots(), instants)
def test_the_rows_are_what_moodle_core_would_say(snapshot: Snapshot, now: int) -> None:
    assert as_the_oracle_says_it(reporting_rows(snapshot, as_of=now)) == core_says(snapshot, now)


@few_examples
@given(snapshots(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_read_does_not_matter(snapshot: Snapshot, dice: random.Random) -> None:
    shuffled = {
        name: frame.sample(fraction=1, shuffle=True, seed=dice.randrange(2**32)) for name, frame in snapshot.items()
    }
    assert_frame_equal(reporting_rows(shuffled, as_of=NOW), reporting_rows(snapshot, as_of=NOW))
    assert next_change_at(shuffled, as_of=NOW) == next_change_at(snapshot, as_of=NOW)
    assert newest_change(shuffled, as_of=NOW) == newest_change(snapshot, as_of=NOW)


@few_examples
@given(snapshots(), st.sets(st.integers(USERS[0] - 1, USERS[-1] + 1)))
def test_learner_ranges_one_after_the_other_give_the_rows_of_all(snapshot: Snapshot, cuts: set[int]) -> None:
    edges = [-1, *sorted(cuts), MAX_ID]
    parts = [
        reporting_rows(learners_of(snapshot, LearnerRange(before + 1, last)), as_of=NOW)
        for before, last in pairwise(edges)
    ]
    assert_frame_equal(pl.concat(parts).sort(KEY), reporting_rows(snapshot, as_of=NOW))


@few_examples
@given(snapshots(), instants)
def test_rows_are_sorted_and_unique_by_key_and_hold_sound_values(snapshot: Snapshot, now: int) -> None:
    rows = reporting_rows(snapshot, as_of=now)
    keys = rows.select(KEY).rows()
    assert keys == sorted(set(keys))
    for row in rows.to_dicts():
        percentage = row["percentage_x100"]
        assert percentage is None or 0 <= percentage <= 10_000
        assert 0 <= row["activities_completed"] <= row["activities_total"]
        assert (row["status"] == "completed") == (row["timecompleted"] > 0)
        assert percentage != 10_000 or row["status"] == "completed" or row["activities_completed"] > 0
    assert not rows.select(name for name in CONTENT if name != "percentage_x100").null_count().sum_horizontal().item()


@few_examples
@given(snapshots(), st.sampled_from(USERS))
def test_a_learner_changes_nothing_for_the_others(snapshot: Snapshot, learner: int) -> None:
    without = {
        name: frame.filter(pl.col("id" if name == "user" else "userid") != learner) if name in LEARNER_TABLES else frame
        for name, frame in snapshot.items()
    }
    others = reporting_rows(snapshot, as_of=NOW).filter(pl.col("userid") != learner)
    assert_frame_equal(reporting_rows(without, as_of=NOW), others)


@few_examples
@given(snapshots(), st.sets(st.sampled_from([*COMPANIES, 99])))
def test_asking_for_some_companies_gives_their_part_of_all_rows(snapshot: Snapshot, companyids: set[int]) -> None:
    part = reporting_rows(snapshot, as_of=NOW).filter(pl.col("companyid").is_in(list(companyids)))
    assert_frame_equal(reporting_rows(snapshot, as_of=NOW, companyids=companyids), part)


@settings(max_examples=25)
@given(snapshots(), instants, st.data())
def test_until_the_next_change_the_rows_stay_the_same(snapshot: Snapshot, now: int, data: st.DataObject) -> None:
    change = next_change_at(snapshot, as_of=now)
    assert change is None or change > now
    later = data.draw(st.integers(now, now + 9000 if change is None else change - 1), label="later")
    assert_frame_equal(reporting_rows(snapshot, as_of=later), reporting_rows(snapshot, as_of=now))


@few_examples
@given(snapshots(), instants)
def test_the_newest_change_is_never_in_the_future(snapshot: Snapshot, now: int) -> None:
    newest = newest_change(snapshot, as_of=now)
    assume(newest is not None)
    assert newest is not None
    assert newest <= now
    assert newest_change(snapshot, as_of=newest) == newest
