"""The quota of a company, from the texts that are set for it."""

from functools import lru_cache

from alx_core.domain.company_settings import resolve
from alx_core.store.monitoring.security import LIMIT_SETTING, Usage


def limit_of(usage: Usage) -> int:
    """Return the calls a day that the company may make, as the API resolves what is set for it and for all."""
    return _limit(usage.own_limit, usage.common_limit)


@lru_cache
def _limit(own: str | None, common: str | None) -> int:
    """Remembered: all settings are resolved for the one, and most companies have the same texts."""
    return resolve(*({} if text is None else {LIMIT_SETTING: text} for text in (own, common))).rate_limit
