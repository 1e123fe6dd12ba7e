"""Why a token works or not, for people: the same order of reasons in which a request is refused."""

from collections.abc import Mapping
from typing import Any

from alx_core.domain.owner_state import OwnerState

WORKS = "active"
SAYS = {
    OwnerState.SUSPENDED: "owner suspended",
    OwnerState.DELETED: "owner deleted",
    OwnerState.REFUSED: "refused by Moodle",
}


def describe_state(token: Mapping[str, Any], company: Mapping[str, Any] | None, *, now: float) -> str:
    """Say how a token stands; `company` is its row of `companies`, None when there is none."""
    if token["revoked_at"] is not None:
        return "gone from Moodle" if token["owner_state"] == OwnerState.GONE else "revoked"
    if token["owner_state"] in SAYS:
        return SAYS[OwnerState(token["owner_state"])]
    if token["expires_at"] is not None and token["expires_at"] <= now:
        return "expired"
    return "no company" if token["companyid"] is None else _describe_company(company)


def _describe_company(company: Mapping[str, Any] | None) -> str:
    if company is None:
        return "company not synced yet"
    if company["is_deleted"]:
        return "company gone"
    return "company suspended" if company["suspended"] else WORKS
