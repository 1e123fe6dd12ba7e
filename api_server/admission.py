"""Who asks, and whether they may: token, owner, service, quota, company, in the order of Moodle and the plugin.

Source: `authenticate_by_token()`, `authenticate_user()` and `load_function_info()` in Moodle's webservice/lib.php.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from alx_core.domain.company_settings import EVERY_COMPANY, CompanySettings, resolve
from alx_core.domain.networks import is_allowed
from alx_core.domain.owner_state import OwnerState
from alx_core.domain.quota import usage_day
from alx_core.domain.token_state import is_expired
from alx_core.store.access import (
    TOUCH_TOKEN_S,
    Access,
    Ahead,
    Found,
    charge,
    find_access,
    find_access_ahead,
    find_session,
    touch_token,
)
from alx_core.store.settings import load_settings_of
from api_server import faults
from api_server.together import Together


class Admission:
    """Decides about requests; one per process. Settings are kept as long as their version stands."""

    def __init__(self, zone: ZoneInfo, clock: Callable[[], float] = time.time) -> None:
        """Count the quota's days in `zone`."""
        self._zone = zone
        self._clock = clock
        self._settings: dict[int, tuple[tuple[int, str | None], CompanySettings]] = {}
        self._together: Together[Found | None] = Together()

    def identify(
        self, connection: Connection, token_hash: str | None, page_limit: int, address: str, ahead: Ahead | None = None
    ) -> Found:
        """Look the token up, and do `ahead` along. Raises the fault for one that is unknown or may not be used here."""
        found = self._found(connection, token_hash, page_limit, ahead) if token_hash is not None else None
        if found is None:
            raise faults.invalid_token()
        access, now = found.access, self._clock()
        _check(access, address, now)
        if access.last_used_at is None or now - access.last_used_at > TOUCH_TOKEN_S:
            touch_token(connection, access.token_id, address=address, now=int(now))
        return found

    def settings_of(self, connection: Connection, access: Access) -> CompanySettings:
        """Return the settings of the token's company; those for all companies for a token without one."""
        if access.companyid is None:
            return resolve({}, load_settings_of(connection, EVERY_COMPANY))
        # The version begins anew with the company's row, which has another cache_id each time it is made.
        version, known = (access.settings_version, access.cache_id), self._settings.get(access.companyid)
        if known is not None and known[0] == version:
            return known[1]
        own = load_settings_of(connection, access.companyid)
        settings = resolve(own, load_settings_of(connection, EVERY_COMPANY))
        if access.cache_id is not None:  # a company without a row has no version
            self._settings[access.companyid] = (version, settings)
        return settings

    def charge(self, connection: Connection, access: Access, settings: CompanySettings) -> bool:
        """Count a call against the company's quota of the day. False: it is used up, and nothing was counted."""
        if access.companyid is None:
            return True
        day = usage_day(self._clock(), self._zone)
        return charge(connection, access.companyid, day, limit=settings.rate_limit) is not None

    def _found(self, connection: Connection, token_hash: str, page_limit: int, ahead: Ahead | None) -> Found | None:
        if ahead is None:
            access = find_access(connection, token_hash, page_limit)
            return None if access is None else Found(access)

        def find(calls: int) -> Found | None:
            return find_access_ahead(connection, token_hash, page_limit, ahead, calls=calls)

        return self._together.run((token_hash, page_limit, ahead.what), find)


def may_pass(access: Access, address: str, now: float) -> bool:
    """Whether the token may be used at `now` (epoch seconds) from `address`."""
    try:
        _check(access, address, now)
        require_service(access)
    except faults.MoodleFault:
        return False
    return True


def _check(access: Access, address: str, now: float) -> None:
    """Raise the fault for a token that is revoked, expired, not allowed from here, or whose owner may not log in."""
    if access.revoked_at is not None:
        raise faults.invalid_token()
    if is_expired(access.expires_at, now) or not is_allowed(address, access.allowed_networks):
        raise faults.access_denied()
    if access.owner_state not in (OwnerState.ACTIVE, OwnerState.REFUSED):
        raise faults.owner_refused(access.owner_state, access.name)


def require_service(access: Access) -> None:
    """Raise the fault for a token whose service does not let its owner call the function."""
    if access.owner_state != OwnerState.ACTIVE:
        raise faults.access_denied()


def require_company(access: Access, settings: CompanySettings) -> None:
    """Raise the fault for a token without a company, or whose company is gone, suspended or switched off."""
    if access.companyid is None or not access.company_exists or access.company_suspended or not settings.enabled:
        raise faults.no_company()


def with_limit(connection: Connection, access: Access, page_limit: int) -> Access:
    """Return `access` with the token's read of another page size."""
    return replace(access, session=find_session(connection, access.token_id, page_limit))
