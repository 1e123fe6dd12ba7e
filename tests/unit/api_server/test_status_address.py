"""Tab and filters in the address, there and back."""

from urllib.parse import quote

import falcon.testing
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.domain.company_state import CompanyState
from alx_core.store.monitoring.syncs import CompanyFilter, CompanySort
from api_server.status.address import MAX_PAGE, MAX_TEXT, Address, Tab

FILTERS = st.builds(
    CompanyFilter,
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=MAX_TEXT).map(str.strip),
    state=st.none() | st.sampled_from(CompanyState),
    sort=st.sampled_from(CompanySort),
    is_descending=st.booleans(),
)


def read(query: str) -> Address:
    return Address.read(falcon.testing.create_req(path="/status", query_string=query))


@given(st.builds(Address, tab=st.just(Tab.SYNC), wanted=FILTERS, page=st.integers(1, MAX_PAGE)))
def test_an_address_read_from_its_own_url_is_the_same(address: Address) -> None:
    assert read(address.url.partition("?")[2]) == address


@pytest.mark.parametrize(
    "query",
    ["", "tab=", "tab=nothing", "page=0", "page=-1", "page=x", "page=" + quote("²"), "page=" + "9" * 30, "sort=x",
     "dir=up", "state=broken", "q=%00"],
)  # fmt: skip
def test_what_makes_no_sense_is_left_out(query: str) -> None:
    address = read(query)
    assert (address.tab, address.wanted) == (Tab.SYNC, CompanyFilter())
    assert address.page in (0, 1)


def test_a_long_text_is_cut() -> None:
    assert len(read("q=" + "x" * 5_000).wanted.text) == MAX_TEXT


def test_a_click_on_the_sorted_column_turns_it_round_and_goes_to_the_first_page() -> None:
    address = read("sort=rows&page=3")
    assert read(address.sorted_by(CompanySort.ROWS).url.partition("?")[2]) == read("sort=rows&dir=desc")


def test_numbers_begin_with_the_largest_and_names_with_a() -> None:
    assert read("").sorted_by(CompanySort.CREATED).wanted.is_descending
    assert not read("").sorted_by(CompanySort.NAME).wanted.is_descending
