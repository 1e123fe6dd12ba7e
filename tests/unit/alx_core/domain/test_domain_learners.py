"""How all learner ids are cut into ranges."""

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.domain.learners import (
    EVERYBODY,
    MAX_ID,
    MAX_RANGES,
    WIDTH,
    Layout,
    LearnerRange,
    layout_for,
    merged,
    runs,
)

layouts = st.builds(Layout, width=st.sampled_from([256, 1024, 8192]), count=st.integers(1, 50))


def layout(**overrides: int) -> Layout:
    """That of 100,000 learners with 50 completion rows each."""
    return layout_for(**{"last_id": 100_000, "rows": 5_000_000, "rows_per_band": 100_000, **overrides})


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
def test_a_frame_of_all_ranges_is_each_of_them(found: Layout) -> None:
    every = found.ranges()
    assert every.columns == ["index", "first_userid", "last_userid"]
    assert [LearnerRange(*bounds) for _, *bounds in every.iter_rows()] == ranges(found)
    assert every["index"].to_list() == [*range(found.count)]


@given(layouts)
def test_all_ranges_but_the_last_are_equally_wide(found: Layout) -> None:
    assert {each.last - each.first + 1 for each in ranges(found)[:-1]} <= {found.width}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, Layout(16, 6251, per_band=125)),  # a range of 16 holds 800 rows
        ({"last_id": 500_000, "rows": 25_000_000}, Layout(32, 15_626, per_band=62)),
        ({"last_id": 1_000_000}, Layout(64, 15_626, per_band=312)),  # nine ids of ten were purged
        ({"last_id": 2_000}, Layout(16, 126, per_band=2)),
        ({"rows_per_band": 500}, Layout(16, 6251, per_band=1)),
        ({"rows_per_band": 10**7}, Layout(16, 6251, per_band=6251)),
        ({"rows": 10**12}, Layout(16, 6251, per_band=1)),
        ({"rows": 0}, Layout(16, 6251, per_band=6251)),
        ({"last_id": 0, "rows": 0}, Layout(16, 1, per_band=1)),
        ({"last_id": MAX_ID}, Layout(2**49, MAX_RANGES, per_band=327)),
    ],
)
def test_a_band_holds_about_the_rows_asked_for(overrides: dict[str, int], expected: Layout) -> None:
    assert layout(**overrides) == expected


@given(st.integers(0, MAX_ID), st.integers(0, MAX_ID))
def test_every_id_is_in_the_range_of_its_index(last_id: int, learner: int) -> None:
    found = layout(last_id=last_id)
    learners = found.range_at(pl.select(found.index_of(pl.lit(learner, pl.Int64))).item())
    assert learners.first <= learner <= learners.last


@pytest.mark.parametrize("unreadable", [None, -1, -(2**63)])
def test_an_id_that_cannot_be_right_is_in_the_first_range(unreadable: int | None) -> None:
    assert pl.select(layout().index_of(pl.lit(unreadable, pl.Int64))).item() == 0


sites = st.fixed_dictionaries(
    {"last_id": st.integers(0, MAX_ID), "rows": st.integers(0, 10**9), "rows_per_band": st.integers(1_000, 10**7)}
)


@given(sites)
def test_the_width_is_a_power_of_two_and_no_range_lies_beyond_the_last_learner(site: dict[str, int]) -> None:
    found = layout_for(**site)
    assert found.width.bit_count() == 1
    assert found.range_at(found.count - 1).first <= site["last_id"]


@given(sites)
def test_ranges_grow_wide_only_where_there_would_be_too_many(site: dict[str, int]) -> None:
    found = layout_for(**site)
    assert found.count <= MAX_RANGES
    narrower = site["last_id"] // (found.width // 2) + 1
    assert found.width == WIDTH or narrower > MAX_RANGES


@given(sites)
def test_a_band_holds_no_more_rows_than_asked_for_unless_it_is_one_range(site: dict[str, int]) -> None:
    found = layout_for(**site)
    assert 1 <= found.per_band <= found.count
    assert found.per_band == 1 or found.per_band * site["rows"] / found.count <= site["rows_per_band"] * (1 + 1e-9)


@given(sites.filter(lambda site: site["last_id"] < MAX_ID))
def test_the_width_stays_while_a_site_grows_slowly(site: dict[str, int]) -> None:
    """A digest of a range is only worth something when the next run has the same range."""
    now = layout_for(**site)
    then = layout_for(**{**site, "last_id": site["last_id"] + 1})
    assert then.width in (now.width, now.width * 2)


@given(layouts, st.data())
def test_runs_are_at_most_as_long_as_asked_for_and_lose_no_range(found: Layout, data: st.DataObject) -> None:
    indexes = sorted(data.draw(st.sets(st.integers(0, found.count - 1)), label="indexes"))
    size = data.draw(st.integers(1, 10), label="size")
    cut = runs(indexes, size=size)
    assert [index for run in cut for index in run] == indexes
    assert all(0 < len(run) <= size for run in cut)


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
