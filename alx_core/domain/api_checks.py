"""Was an hour of the API sound? Pure rules over its metrics; Dagster shows them as asset checks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from alx_core.domain.checks import Check, Figures
from alx_core.domain.metrics import Traffic


class ApiCheckName(StrEnum):
    """The checks, in the order they are shown."""

    API_SLOW = "api_slow"
    API_SUCCESS_RATE = "api_success_rate"
    API_CACHE_HIT_RATE = "api_cache_hit_rate"
    FAILED_AUTH = "failed_auth"


API_CHECKS: dict[ApiCheckName, str] = {
    ApiCheckName.API_SLOW: "Nobody waited too long on average in the newest hour",
    ApiCheckName.API_SUCCESS_RATE: "Enough calls of the newest hour succeeded",
    ApiCheckName.API_CACHE_HIT_RATE: "Enough answers of the newest hour came from the cache",
    ApiCheckName.FAILED_AUTH: "Few tokens were refused in the newest hour",
}
TOGETHER = "(all together)"


@dataclass(frozen=True, slots=True)
class ApiThresholds:
    """Where an hour stops being sound. `min_calls`: what a rate or a mean needs to mean anything."""

    slow_ms: float
    success_pct: float
    cache_hit_pct: float
    min_calls: int
    failed_auth: int


def check_hour(
    hour: int | None, companies: Mapping[str, Traffic], strangers: Traffic, thresholds: ApiThresholds
) -> list[Check]:
    """Judge an hour; one Check for each name in API_CHECKS.

    `hour`: its start, epoch seconds; None while there is none, which is sound. `companies`: traffic by shortname, each
    judged for itself and all of them together, so that many small ones are seen too. `strangers`: requests without a
    company; whether those are quick, cached or successful says nothing of the service.
    """
    limits = thresholds
    everybody = {**companies, TOGETHER: Traffic.merge(companies.values())}
    enough_calls = {name: each for name, each in everybody.items() if each.calls >= limits.min_calls}
    enough_answers = {name: each for name, each in everybody.items() if each.successes >= limits.min_calls}
    when: Figures = {"hour": None if hour is None else f"{datetime.fromtimestamp(hour, UTC):%Y-%m-%dT%H:%M}Z"}

    slow = _worse(enough_calls, lambda each: each.mean_ms, lambda value: value > limits.slow_ms)
    failing = _worse(enough_calls, lambda each: each.success_pct, lambda value: value < limits.success_pct)
    cold = _worse(enough_answers, lambda each: each.cache_hit_pct, lambda value: value < limits.cache_hit_pct)
    refused = strangers.failed_auth + sum(each.failed_auth for each in companies.values())
    return [
        Check(ApiCheckName.API_SLOW, not slow, {**when, "limit_ms": limits.slow_ms, **slow}, is_warning=True),
        Check(ApiCheckName.API_SUCCESS_RATE, not failing, {**when, "limit_pct": limits.success_pct, **failing}),
        Check(
            ApiCheckName.API_CACHE_HIT_RATE,
            not cold,
            {**when, "limit_pct": limits.cache_hit_pct, **cold},
            is_warning=True,
        ),
        Check(
            ApiCheckName.FAILED_AUTH,
            refused < limits.failed_auth,
            {**when, "limit": limits.failed_auth, "failed_auth": refused},
            is_warning=True,
        ),
    ]


def _worse(
    traffic: Mapping[str, Traffic], figure: Callable[[Traffic], float | None], is_worse: Callable[[float], bool]
) -> dict[str, float]:
    """The figure of those for whom it lies beyond the limit."""
    figures = {name: value for name, each in traffic.items() if (value := figure(each)) is not None}
    return {name: round(value, 2) for name, value in figures.items() if is_worse(value)}
