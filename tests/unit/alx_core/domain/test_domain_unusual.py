"""What is out of the ordinary, from both sides of each rule's limit."""

from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.domain.unusual import (
    GRACE_S,
    MAX_Z,
    MIN_HISTORY,
    MIN_SPREAD_CALLS,
    READER_MEMORY_S,
    ROAMING_DAYS,
    ROAMING_SITES,
    FirstPage,
    TokenUse,
    first_seen_addresses,
    site_of,
    truncated_readers,
    volume_finding,
)

DAY_S = 86_400
NOW = 1_795_507_200

# --- volume ---


def test_the_boundary_of_a_quiet_company_is_six_times_the_least_spread() -> None:
    most = int(20 + MAX_Z * MIN_SPREAD_CALLS)
    assert volume_finding([20] * 8, most) is None
    found = volume_finding([20] * 8, most + 1)
    assert found is not None
    assert (found.calls, found.median, found.spread) == (most + 1, 20.0, MIN_SPREAD_CALLS)
    assert found.z > MAX_Z


def test_below_four_weeks_there_is_no_telling() -> None:
    assert volume_finding([0] * (MIN_HISTORY - 1), 10_000) is None
    assert volume_finding([0] * MIN_HISTORY, 10_000) is not None


def test_a_company_whose_hours_differ_much_may_differ_much() -> None:
    history = [100, 500, 900, 1_300, 1_700, 2_100]
    assert volume_finding(history, 3_000) is None
    assert volume_finding([1_100] * 6, 3_000) is not None


def test_one_bad_week_does_not_make_the_next_one_usual() -> None:
    assert volume_finding([20, 20, 20, 5_000], 5_000) is not None


@given(st.lists(st.integers(0, 1_000), min_size=MIN_HISTORY, max_size=8))
def test_calls_up_to_the_median_are_never_unusual(history: list[int]) -> None:
    assert volume_finding(history, int(median(history))) is None
    assert volume_finding(history, min(history)) is None


@given(st.lists(st.integers(0, 1_000), min_size=MIN_HISTORY, max_size=8), st.integers(0, 5_000), st.integers(0, 5_000))
def test_more_calls_are_never_less_unusual(history: list[int], calls: int, more: int) -> None:
    if volume_finding(history, calls) is not None:
        assert volume_finding(history, calls + more) is not None


# --- addresses ---


def use(address: str, *, at: int = NOW, token: int = 1) -> TokenUse:
    return TokenUse(token, 1, address, at, at)


def test_the_first_address_of_a_token_is_no_finding_and_the_second_is() -> None:
    assert first_seen_addresses([use("192.0.2.1")], {}) == []
    assert first_seen_addresses([use("192.0.2.2")], {1: {"192.0.2.1": NOW - DAY_S}}) == [use("192.0.2.2")]


def test_a_known_address_is_no_finding() -> None:
    known = {1: {"192.0.2.1": NOW - DAY_S, "192.0.2.2": NOW - DAY_S}}
    assert first_seen_addresses([use("192.0.2.2")], known) == []


def test_two_addresses_within_the_hour_are_told_apart_by_time() -> None:
    uses = [use("192.0.2.2", at=NOW + 60), use("192.0.2.1", at=NOW)]
    assert first_seen_addresses(uses, {}) == [use("192.0.2.2", at=NOW + 60)]


def test_addresses_known_of_one_token_say_nothing_of_another() -> None:
    known = {1: {"192.0.2.1": NOW - 1}, 2: {"192.0.2.2": NOW - 1}}
    assert first_seen_addresses([use("192.0.2.2", token=1)], known) == [use("192.0.2.2", token=1)]


def test_a_machine_that_changes_its_own_part_of_an_ipv6_address_is_the_same() -> None:
    known = {1: {site_of("2001:db8:1:2::1"): NOW - DAY_S}}
    assert first_seen_addresses([use("2001:db8:1:2:abcd::9")], known) == []
    assert first_seen_addresses([use("2001:db8:1:3::1")], known) == [use("2001:db8:1:3::1")]


def test_ipv4_in_ipv6_dress_is_the_same_address() -> None:
    assert site_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert site_of("not an address") == "not an address"


@pytest.mark.parametrize(("sites", "is_told"), [(ROAMING_SITES, True), (ROAMING_SITES + 1, False)])
def test_a_token_that_roams_is_left_alone(sites: int, is_told: bool) -> None:
    known = {1: {f"198.51.100.{number}": NOW - DAY_S for number in range(sites)}}
    assert bool(first_seen_addresses([use("192.0.2.1")], known)) is is_told


def test_moves_of_long_ago_do_not_make_a_token_roam() -> None:
    known = {1: {f"198.51.100.{number}": NOW - (ROAMING_DAYS + 1) * DAY_S for number in range(20)}}
    assert first_seen_addresses([use("192.0.2.1")], known) == [use("192.0.2.1")]


# --- truncated readers ---


def page(**overrides: Any) -> FirstPage:
    values = {"token_id": 1, "companyid": 1, "address": "192.0.2.1", "at": NOW, "rows": 1_000, "limit": 1_000}
    return FirstPage(**{**values, "table_rows": 1_001, **overrides})


def test_a_full_first_page_of_a_longer_table_without_a_second_is_told_once_per_token() -> None:
    pages = [page(at=NOW + 5), page(), page(token_id=2)]
    assert truncated_readers(pages, {}) == [page(), page(token_id=2)]


@pytest.mark.parametrize("other", [{"rows": 999}, {"table_rows": 1_000}, {"limit": 1_001}])
def test_a_page_that_is_not_full_or_holds_the_whole_table_is_in_order(other: dict[str, int]) -> None:
    assert truncated_readers([page(**other)], {}) == []


@pytest.mark.parametrize(
    ("seconds", "is_told"),
    [(GRACE_S, False), (GRACE_S + 1, True), (-READER_MEMORY_S, False), (-READER_MEMORY_S - 1, True)],
)
def test_a_later_page_within_the_grace_or_the_day_before_clears_the_client(seconds: int, is_told: bool) -> None:
    assert bool(truncated_readers([page()], {1: [NOW + seconds]})) is is_told


def test_the_later_pages_of_another_token_do_not_count() -> None:
    assert truncated_readers([page()], {2: [NOW + 1]}) == [page()]
