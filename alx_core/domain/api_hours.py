"""An hour of the API, company by company, and what makes it a bad one: the rules that alerts and checks share.

Companies are judged one by one, by limits of their own where they have some. Those with fewer calls than a judgement
needs are judged together: an API that fails everybody shows also where nobody calls often.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from alx_core.domain.metrics import Traffic


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """The thresholds. `min_calls`: calls, or for the cache successes, below which an hour is not judged."""

    slow_ms: float
    success_pct: float
    cache_hit_pct: float
    min_calls: int


@dataclass(frozen=True, slots=True)
class CompanyHour:
    """What one company's clients did in the hour, and the limits that hold for it. `is_cached`: its cache is on.

    `companyid` None: companies with few calls, together.
    """

    companyid: int | None
    shortname: str
    traffic: Traffic
    limits: ApiLimits
    is_cached: bool = True

    @property
    def is_large(self) -> bool:
        """Whether there were calls enough for a judgement."""
        return self.traffic.calls >= self.limits.min_calls

    @property
    def is_slow(self) -> bool | None:
        """Whether calls took too long on average; None: too few to say."""
        return self.traffic.mean_ms > self.limits.slow_ms if self.is_large else None

    @property
    def is_failing(self) -> bool | None:
        """Whether too few calls succeeded; None: too few to say."""
        return (self.traffic.success_pct or 0.0) < self.limits.success_pct if self.is_large else None

    @property
    def is_cold(self) -> bool | None:
        """Whether too few answers came from the cache; None: too few answers to say, or the cache is off."""
        if not self.is_cached or self.traffic.successes < self.limits.min_calls:
            return None
        return (self.traffic.cache_hit_pct or 0.0) < self.limits.cache_hit_pct


def judged_together(companies: Sequence[CompanyHour], limits: ApiLimits) -> list[CompanyHour]:
    """Return those with enough calls, and last the others as one, which has no name and the limits of all."""
    small = [each for each in companies if not each.is_large]
    traffic = Traffic.merge(each.traffic for each in small)
    rest = CompanyHour(None, "", traffic, limits, is_cached=all(each.is_cached for each in small))
    return [*(each for each in companies if each.is_large), rest]
