"""Was an hour of the API sound? Pure rules over its metrics; Dagster shows them as asset checks."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from alx_core.domain.api_hours import ApiLimits, CompanyHour, judged_together
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
TOGETHER = "(companies with few calls)"


def check_hour(
    hour: int | None, companies: Sequence[CompanyHour], strangers: Traffic, limits: ApiLimits, *, failed_auth: int
) -> list[Check]:
    """Judge an hour; one Check for each name in API_CHECKS.

    `hour`: its start, epoch seconds; None while there is none, which is sound. `companies` are judged as the alerts
    judge them (`api_hours`). `strangers`: requests without a company; whether those are quick, cached or successful
    says nothing of the service. `failed_auth`: refused tokens from which on they are told.
    """
    judged = judged_together(companies, limits)
    when: Figures = {"hour": None if hour is None else f"{datetime.fromtimestamp(hour, UTC):%Y-%m-%dT%H:%M}Z"}

    slow = {_name(each): round(each.traffic.mean_ms, 2) for each in judged if each.is_slow}
    failing = {_name(each): round(each.traffic.success_pct or 0.0, 2) for each in judged if each.is_failing}
    cold = {_name(each): round(each.traffic.cache_hit_pct or 0.0, 2) for each in judged if each.is_cold}
    refused = strangers.failed_auth + sum(each.traffic.failed_auth for each in companies)
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
            refused < failed_auth,
            {**when, "limit": failed_auth, "failed_auth": refused},
            is_warning=True,
        ),
    ]


def _name(company: CompanyHour) -> str:
    return company.shortname or TOGETHER
