"""What a sync's result says of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.domain.sync import CompanyResult
from support.builders import make_company_result, make_sync_result

companies = st.lists(
    st.builds(
        make_company_result,
        companyid=st.integers(1, 10**6),
        rows=st.integers(0, 10**6),
        errors=st.integers(0, 10**6),
        created=st.integers(0, 100),
    ),
    max_size=5,
)


def test_processed_counts_rows_and_bad_records() -> None:
    assert make_company_result(rows=10, errors=2).processed == 12


@pytest.mark.parametrize(("error", "status"), [(None, "succeeded"), ("", "succeeded"), ("disk full", "failed")])
def test_a_company_failed_when_it_has_an_error(error: str | None, status: str) -> None:
    assert make_company_result(error=error).status == status


def test_the_failed_companies_are_named_with_their_error() -> None:
    bad = make_company_result(companyid=2, shortname="beta", error="disk full")
    assert make_sync_result(make_company_result(), bad).failed == {"beta": "disk full"}


@pytest.mark.parametrize(
    ("rows", "errors", "rate"), [(0, 0, 0.0), (10, 0, 0.0), (95, 5, 0.05), (0, 3, 1.0), (1, 3, 0.75)]
)
def test_the_error_rate_is_bad_records_by_all_processed(rows: int, errors: int, rate: float) -> None:
    assert make_sync_result(make_company_result(rows=rows, errors=errors)).error_rate == rate


def test_a_bad_record_of_two_companies_counts_once() -> None:
    twice = [make_company_result(companyid=each, rows=5, errors=1) for each in (1, 2)]
    result = make_sync_result(*twice, errors=1)
    assert (result.counts["processed"], result.error_rate) == (11, pytest.approx(1 / 11))


def test_a_bad_record_of_no_company_counts() -> None:
    result = make_sync_result(make_company_result(rows=9), errors=1)
    assert (result.counts["processed"], result.error_rate) == (10, 0.1)


@given(companies)
def test_the_error_rate_lies_between_0_and_1(found: list[CompanyResult]) -> None:
    assert 0 <= make_sync_result(*found).error_rate <= 1


@given(companies)
def test_totals_are_sums_over_the_companies(found: list[CompanyResult]) -> None:
    result = make_sync_result(*found)
    assert result.total("created") == sum(each.created for each in found)
    assert result.counts["deleted"] == sum(each.deleted for each in found)
