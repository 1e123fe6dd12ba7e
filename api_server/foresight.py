"""What a token's last request met, so that the next one like it is counted in the very statement that looks it up.

A look, a count and a note each cost a round trip to the database, and most requests come from tokens that were here a
moment ago. The statement itself makes sure that nothing has changed since (`store.access.find_access_ahead`); where
something has, it only looks, and everything goes its usual way.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from alx_core.domain.company_settings import CompanySettings, QuotaMode
from alx_core.domain.paging import Session, is_newest
from alx_core.domain.quota import usage_day
from alx_core.store.access import Access, Ahead
from api_server.admission import may_pass

KNOWN_S = 60
"""Seconds for which a request is remembered."""
MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Met:
    """What a request met: `begins` is the session of a first page that has more behind it."""

    access: Access
    settings: CompanySettings
    begins: Session | None
    at: float


class Foresight:
    """One process's memory of (token's hash, page limit)."""

    def __init__(self, zone: ZoneInfo, clock: Callable[[], float] = time.time) -> None:
        """Count the quota's days in `zone`."""
        self._zone = zone
        self._clock = clock
        self._met: dict[tuple[str, int], _Met] = {}

    def ahead(self, token_hash: str, page_limit: int, offset: int, address: str) -> Ahead | None:
        """Say what the request will surely need, if nothing has changed; None: nothing is known, or nothing is sure."""
        met, now = self._met.get((token_hash, page_limit)), self._clock()
        if met is None or now - met.at > KNOWN_S or not may_pass(met.access, address, now):
            return None
        begins = met.begins if offset == 0 else None
        if begins is not None and not is_newest(begins, met.settings, published_seq=met.access.published_seq, now=now):
            begins = None
        return Ahead(met.access, usage_day(now, self._zone), met.settings.rate_limit, now, begins)

    def remember(
        self, token_hash: str, page_limit: int, access: Access, settings: CompanySettings, begins: Session | None
    ) -> None:
        """Keep what a request met that was served."""
        if access.version is None or access.companyid is None or settings.quota_mode is not QuotaMode.REQUESTS:
            return
        if len(self._met) >= MOST:
            self._met.clear()
        self._met[token_hash, page_limit] = _Met(access, settings, begins, self._clock())
