"""Why a token works or not: reasons in Moodle's order, in which a request is refused too (`api_server.admission`)."""

from collections.abc import Mapping
from typing import Any

from alx_core.domain.owner_state import OwnerState

WORKS = "active"
SAYS = {
    OwnerState.SUSPENDED: "owner suspended",
    OwnerState.DELETED: "owner deleted",
    OwnerState.UNCONFIRMED: "owner unconfirmed",
    OwnerState.NOLOGIN: "owner may not log in",
    OwnerState.REFUSED: "refused by Moodle",
}


def is_expired(expires_at: int | None, now: float) -> bool:
    """Whether a token's time is over (epoch seconds; None: never). As in Moodle, `expires_at` is its last second."""
    return expires_at is not None and expires_at < int(now)


def describe_state(token: Mapping[str, Any], company: Mapping[str, Any] | None, *, now: float) -> str:
    """Say how a token stands; `company` is its row of `companies`, None when there is none."""
    if token["revoked_at"] is not None:
        return "gone from Moodle" if token["owner_state"] == OwnerState.GONE else "revoked"
    if is_expired(token["expires_at"], now):
        return "expired"
    if token["owner_state"] in SAYS:
        return SAYS[OwnerState(token["owner_state"])]
    return "no company" if token["companyid"] is None else _describe_company(company)


def _describe_company(company: Mapping[str, Any] | None) -> str:
    if company is None:
        return "company not synced yet"
    if company["is_deleted"]:
        return "company gone"
    return "company suspended" if company["suspended"] else WORKS
