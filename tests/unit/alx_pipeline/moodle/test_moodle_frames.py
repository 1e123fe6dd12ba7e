"""From a database's rows to frames with the right columns and types."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from alx_core.domain.progress import SNAPSHOT_COLUMNS
from alx_pipeline.moodle.frames import from_rows, typed
from support.builders import make_company, make_company_user, make_frame, make_user


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int16, pl.Int32, pl.UInt32, pl.Int64, pl.Float64])
def test_numbers_of_any_width_become_64_bits_wide(dtype: type[pl.DataType]) -> None:
    narrow = pl.DataFrame({"userid": [100], "companyid": [1], "suspended": [0]}).cast(dtype)
    assert_frame_equal(typed("company_users", narrow), make_frame("company_users", [make_company_user()]))


def test_the_columns_come_in_their_order_and_others_are_left_out() -> None:
    mixed = pl.DataFrame({"more": [9], "suspended": [0], "companyid": [1], "userid": [100]})
    assert_frame_equal(typed("company_users", mixed), make_frame("company_users", [make_company_user()]))


def test_a_column_of_nothing_but_null_has_its_type() -> None:
    empty = pl.DataFrame({"userid": [1], "companyid": [None], "suspended": [None]})
    assert typed("company_users", empty).schema == SNAPSHOT_COLUMNS["company_users"]


def test_a_text_in_a_column_of_numbers_becomes_null_for_the_rules_to_refuse() -> None:
    texts = pl.DataFrame({"userid": ["100", "x"], "companyid": ["1", "1.5"], "suspended": ["0", ""]})
    assert typed("company_users", texts).rows() == [(100, 1, 0), (None, None, None)]


def test_bytes_that_are_text_become_text() -> None:
    row = {
        name: pl.Series([str(value).encode()])
        for name, value in make_company().items()
        if name in ("shortname", "name")
    }
    numbers = {"id": [1], "suspended": [0]}
    assert_frame_equal(typed("company", pl.DataFrame({**numbers, **row})), make_frame("company", [make_company()]))


def test_rows_become_a_frame_in_the_order_of_the_columns() -> None:
    row = make_user()
    assert_frame_equal(from_rows("user", [tuple(row.values())]), make_frame("user", [row]))


@pytest.mark.parametrize("name", SNAPSHOT_COLUMNS)
def test_no_rows_become_a_frame_with_all_columns(name: str) -> None:
    assert from_rows(name, []).schema == SNAPSHOT_COLUMNS[name]
