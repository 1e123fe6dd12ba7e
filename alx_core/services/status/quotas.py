"""The quota of a company, from the texts that are set for it."""

from alx_core.domain.company_settings import KINDS
from alx_core.store.monitoring.security import LIMIT_SETTING, Usage


def limit_of(usage: Usage) -> int:
    """Return the calls a day that the company may make: its own setting, else that of all, else the default."""
    kind = KINDS[LIMIT_SETTING]
    text = next((each for each in (usage.own_limit, usage.common_limit) if each is not None), kind.default)
    return int(str(kind.parse(text)))
