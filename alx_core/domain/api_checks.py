"""Was an hour of the API sound? Pure rules over its metrics; Dagster shows them as asset checks."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from alx_core.domain.api_hours import ApiLimits, CompanyHour, judged_together
from alx_core.domain.checks import Check, Figures
from alx_core.domain.metrics import Traffic
from alx_core.domain.security_alerts import Refusals


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
    ApiCheckName.FAILED_AUTH: "No address and no key had many tokens refused in the newest hour",
}
TOGETHER = "(companies with few calls)"
WORST_NAMED = 5


def check_hour(
    hour: int | None,
    companies: Sequence[CompanyHour],
    strangers: Traffic,
    limits: ApiLimits,
    *,
    refusals: Sequence[Refusals],
    failed_auth: int,
) -> list[Check]:
    """Judge an hour; one Check for each name in API_CHECKS.

    `hour`: its start, epoch seconds; None while there is none, which is sound. `companies` are judged as the alerts
    judge them (`api_hours`). `strangers`: requests without a company; whether those are quick, cached or successful
    says nothing of the service. `refusals`: who had tokens refused in it, at least those with `failed_auth` or more:
    of one address or key prefix, so many are an alert.
    """
    judged = judged_together(companies, limits)
    when: Figures = {"hour": None if hour is None else f"{datetime.fromtimestamp(hour, UTC):%Y-%m-%dT%H:%M}Z"}

    slow = {_name(each): round(each.traffic.mean_ms, 2) for each in judged if each.is_slow}
    failing = {_name(each): round(each.traffic.success_pct or 0.0, 2) for each in judged if each.is_failing}
    cold = {_name(each): round(each.traffic.cache_hit_pct or 0.0, 2) for each in judged if each.is_cold}
    many = [each for each in refusals if each.failures >= failed_auth]
    worst = {each.subject: each.failures for each in sorted(many, key=lambda each: -each.failures)[:WORST_NAMED]}
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
            not many,
            {**when, "limit": failed_auth, "failed_auth": strangers.failed_auth, **worst},
            is_warning=True,
        ),
    ]


def _name(company: CompanyHour) -> str:
    return company.shortname or TOGETHER
