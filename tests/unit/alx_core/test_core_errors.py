"""The tree of errors: which of them are worth another try, and what they say."""

import re

import pytest

from alx_core import errors
from alx_core.errors import AlxError, CompaniesFailed, SyncError

TREE = {name: each for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, AlxError)}


@pytest.mark.parametrize("name", TREE)
def test_an_error_is_drawn_in_the_modules_tree(name: str) -> None:
    assert name in (errors.__doc__ or "")


def test_only_what_may_pass_by_itself_is_transient_and_the_drawing_says_so() -> None:
    drawn = re.findall(r"── (\w+) .*\(transient\)", errors.__doc__ or "")
    assert {name for name, each in TREE.items() if each.is_transient} == set(drawn)
    assert set(drawn) == {"SourceUnreachable", "StoreUnreachable", "SyncLocked", "DeliveryFailed"}


def test_failed_companies_are_named_in_order_with_their_errors() -> None:
    error = CompaniesFailed({"gamma": "disk full", "beta": "no right"}, total=5)
    assert str(error).startswith("2 of 5 companies failed, the others are committed. beta: no right; gamma: disk full.")
    assert "run the sync again" in str(error)
    assert isinstance(error, SyncError)


def test_failed_companies_can_be_told_apart_by_a_program() -> None:
    failed = {"beta": "no right"}
    error = CompaniesFailed(failed, total=5)
    failed.clear()
    assert (error.failed, error.total) == ({"beta": "no right"}, 5)
