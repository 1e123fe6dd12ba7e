"""How all learner ids are cut into ranges."""

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.domain.learners import EVERYBODY, MAX_ID, MIN_WIDTH, Layout, LearnerRange, layout_for, merged

layouts = st.builds(Layout, width=st.sampled_from([256, 1024, 8192]), count=st.integers(1, 50))


def layout(**overrides: int) -> Layout:
    """That of 100,000 learners with 50 completion rows each."""
    site = {"learners": 100_000, "last_id": 100_000, "rows": 5_000_000, "rows_per_range": 500_000}
    return layout_for(**{**site, **overrides})


def ranges(of: Layout) -> list[LearnerRange]:
    return [of.range_at(index) for index in range(of.count)]


def test_everybody_is_every_id_a_database_can_hold() -> None:
    assert (EVERYBODY.first, EVERYBODY.last) == (0, 2**63 - 1)


@given(layouts)
def test_the_ranges_of_a_layout_touch_and_cover_all_ids(found: Layout) -> None:
    every = ranges(found)
    assert (every[0].first, every[-1].last) == (0, MAX_ID)
    assert all(before.last + 1 == after.first for before, after in pairwise(every))
    assert all(each.first <= each.last for each in every)


@given(layouts)
def test_all_ranges_but_the_last_are_equally_wide(found: Layout) -> None:
    assert {each.last - each.first + 1 for each in ranges(found)[:-1]} <= {found.width}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, Layout(8_192, 13)),  # 10,000 ids would hold exactly 500,000 rows
        ({"rows_per_range": 409_600}, Layout(8_192, 13)),
        ({"rows_per_range": 409_599}, Layout(4_096, 25)),
        ({"last_id": 1_000_000}, Layout(65_536, 16)),  # nine ids of ten were purged
        ({"rows": 10**12}, Layout(MIN_WIDTH, 391)),
        ({"rows": 0}, Layout(2**35, 1)),
        ({"learners": 0, "last_id": 0, "rows": 0}, Layout(2**18, 1)),
    ],
)
def test_a_range_holds_about_the_rows_asked_for(overrides: dict[str, int], expected: Layout) -> None:
    assert layout(**overrides) == expected


@given(st.integers(0, MAX_ID), st.integers(0, 10**12), st.integers(0, MAX_ID))
def test_every_id_divided_by_the_width_is_a_range_in_63_bits(last_id: int, rows: int, learner: int) -> None:
    found = layout(last_id=last_id, rows=rows)
    number = pl.select(pl.lit(learner, pl.Int64) // found.width).item()
    learners = found.range_at(min(number, found.count - 1))
    assert learners.first <= learner <= learners.last


sites = st.fixed_dictionaries(
    {
        "learners": st.integers(1, 10**7),
        "last_id": st.integers(1, 10**9),
        "rows": st.integers(0, 10**9),
        "rows_per_range": st.integers(1_000, 10**7),
    }
).filter(lambda site: site["learners"] <= site["last_id"])


@given(sites)
def test_the_width_is_a_power_of_two_and_no_range_lies_beyond_the_last_learner(site: dict[str, int]) -> None:
    found = layout_for(**site)
    assert found.width.bit_count() == 1
    assert found.width >= MIN_WIDTH
    assert found.range_at(found.count - 1).first <= site["last_id"]


@given(sites)
def test_a_range_holds_no_more_rows_than_asked_for_unless_it_could_not_be_smaller(site: dict[str, int]) -> None:
    found = layout_for(**site)
    ids_per_learner = site["last_id"] / site["learners"]
    rows = found.width * site["rows"] / site["last_id"]
    assert rows <= site["rows_per_range"] or found.width <= max(MIN_WIDTH, ids_per_learner)


@given(sites.filter(lambda site: site["learners"] > 10_000))
def test_the_width_stays_while_a_site_grows_slowly(site: dict[str, int]) -> None:
    """A digest of a range is only worth something when the next run has the same range."""
    now = layout_for(**site)
    then = layout_for(**{**site, "learners": site["learners"] + 1, "last_id": site["last_id"] + 1})
    assert then.width in (now.width // 2, now.width, now.width * 2)


@given(layouts, st.data())
def test_bands_are_runs_of_at_most_the_size_asked_for_and_lose_no_range(found: Layout, data: st.DataObject) -> None:
    indexes = sorted(data.draw(st.sets(st.integers(0, found.count - 1)), label="indexes"))
    size = data.draw(st.integers(1, 10), label="size")
    bands = found.bands(indexes, size=size)
    assert [index for band in bands for index in band] == indexes
    assert all(0 < len(band) <= size for band in bands)


@pytest.mark.parametrize(
    ("separate", "joined"),
    [
        ([], []),
        ([(0, 9)], [(0, 9)]),
        ([(0, 9), (10, 19)], [(0, 19)]),
        ([(0, 9), (11, 19)], [(0, 9), (11, 19)]),
        ([(0, 9), (10, 19), (30, 39), (40, MAX_ID)], [(0, 19), (30, MAX_ID)]),
    ],
)
def test_neighbours_are_joined(separate: list[tuple[int, int]], joined: list[tuple[int, int]]) -> None:
    assert merged([LearnerRange(*each) for each in separate]) == [LearnerRange(*each) for each in joined]


@given(layouts, st.data())
def test_joining_loses_no_id_and_leaves_no_neighbours(found: Layout, data: st.DataObject) -> None:
    indexes = sorted(data.draw(st.sets(st.integers(0, found.count - 1)), label="indexes"))
    joined = merged([found.range_at(index) for index in indexes])
    covered = [i for i in range(found.count) if any(j.first <= found.range_at(i).first <= j.last for j in joined)]
    assert covered == indexes
    assert all(before.last + 1 < after.first for before, after in pairwise(joined))
