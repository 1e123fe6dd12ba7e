"""How a token stands: one word, and the first reason that would refuse it."""

from typing import Any

import pytest

from alx_core.domain.owner_state import OwnerState
from alx_core.domain.token_state import WORKS, describe_state

NOW = 1_800_000_000
GOOD_COMPANY = {"is_deleted": 0, "suspended": 0}


def make_token(**overrides: Any) -> dict[str, Any]:
    return {"revoked_at": None, "owner_state": "active", "expires_at": None, "companyid": 1, **overrides}


@pytest.mark.parametrize(
    ("token", "company", "says"),
    [
        ({}, GOOD_COMPANY, WORKS),
        ({"expires_at": NOW}, GOOD_COMPANY, WORKS),
        ({"expires_at": NOW - 1}, GOOD_COMPANY, "expired"),
        ({"revoked_at": 5}, GOOD_COMPANY, "revoked"),
        ({"revoked_at": 5, "owner_state": "gone"}, GOOD_COMPANY, "gone from Moodle"),
        ({"companyid": None}, None, "no company"),
        ({}, None, "company not synced yet"),
        ({}, {"is_deleted": 1, "suspended": 1}, "company gone"),
        ({}, {"is_deleted": 0, "suspended": 1}, "company suspended"),
        ({"owner_state": "suspended", "companyid": None}, None, "owner suspended"),
        ({"owner_state": "suspended", "expires_at": 5}, GOOD_COMPANY, "expired"),
        ({"revoked_at": 5, "owner_state": "suspended"}, None, "revoked"),
    ],
)
def test_the_first_reason_that_refuses_a_token_is_named(token: dict, company: dict | None, says: str) -> None:
    assert describe_state(make_token(**token), company, now=NOW) == says


@pytest.mark.parametrize("state", [state for state in OwnerState if state is not OwnerState.ACTIVE])
def test_no_state_but_active_counts_as_working(state: OwnerState) -> None:
    revoked_at = NOW if state is OwnerState.GONE else None
    assert describe_state(make_token(owner_state=state.value, revoked_at=revoked_at), GOOD_COMPANY, now=NOW) != WORKS
