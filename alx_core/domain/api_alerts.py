"""The alerts about the API's last complete hour: slow, failing, not cached. Pure rules over the hourly metrics.

What makes an hour a bad one stands in `api_hours`; companies with few calls are judged together, with subject ''.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alx_core.domain.alerts import AlertName, Judgement, Key, Observation, Severity
from alx_core.domain.api_hours import ApiLimits, CompanyHour, judged_together

API_ALERTS = frozenset({AlertName.API_SLOW, AlertName.API_SUCCESS_RATE, AlertName.API_CACHE_HIT_RATE})
CODES_NAMED = 3


@dataclass(frozen=True, slots=True)
class _Verdict:
    key: Key
    bad: Observation | None


def judge_api_hour(hour: int, companies: Sequence[CompanyHour], *, limits: ApiLimits, public: str) -> Judgement:
    """`api_slow`, `api_success_rate`, `api_cache_hit_rate` of the hour that begins at `hour` (epoch seconds)."""
    link = f"{public}/status?tab=performance"
    verdicts = [verdict for each in judged_together(companies, limits) for verdict in _verdicts(each, hour, link)]
    return Judgement(
        API_ALERTS,
        bad=[each.bad for each in verdicts if each.bad is not None],
        well=frozenset(each.key for each in verdicts if each.bad is None),
    )


def _verdicts(company: CompanyHour, hour: int, link: str) -> Iterator[_Verdict]:
    if company.is_slow is not None:
        yield _verdict(AlertName.API_SLOW, company, _slow(company, hour, link) if company.is_slow else None)
    if company.is_failing is not None:
        yield _verdict(
            AlertName.API_SUCCESS_RATE, company, _failing(company, hour, link) if company.is_failing else None
        )
    if company.is_cold is not None:
        yield _verdict(AlertName.API_CACHE_HIT_RATE, company, _cold(company, hour, link) if company.is_cold else None)


def _verdict(alert: AlertName, company: CompanyHour, bad: Observation | None) -> _Verdict:
    return _Verdict((alert, company.shortname), bad)


def _slow(company: CompanyHour, hour: int, link: str) -> Observation:
    traffic, limit = company.traffic, company.limits.slow_ms
    return Observation(
        AlertName.API_SLOW,
        Severity.WARNING,
        subject=company.shortname,
        companyid=company.companyid,
        title=f"The API is slow for {_whom(company)}",
        message=(
            f"An answer took {traffic.mean_ms / 1000:.1f} s on average (limit {limit / 1000:g} s), "
            f"95 % of them at most {traffic.percentile_ms(95) / 1000:.1f} s, in {traffic.calls:,} calls of the last "
            "complete hour."
        ),
        recommendation=(
            "See whether all are slow or one: the performance tab. Then the database's load, a sync that runs long, or "
            "pages without the cache (`cache_enabled`, `max_records`)."
        ),
        link=link,
        details={"hour": hour, "calls": traffic.calls, "mean_ms": round(traffic.mean_ms, 1), "limit_ms": limit},
    )


def _failing(company: CompanyHour, hour: int, link: str) -> Observation:
    traffic, limit = company.traffic, company.limits.success_pct
    most = sorted(traffic.errors_by_code.items(), key=lambda each: (-each[1], each[0]))[:CODES_NAMED]
    codes = ", ".join(f"{code} {calls:,} times" for code, calls in most)
    return Observation(
        AlertName.API_SUCCESS_RATE,
        Severity.CRITICAL,
        subject=company.shortname,
        companyid=company.companyid,
        title=f"The API refuses calls of {_whom(company)}",
        message=(
            f"{traffic.success_pct or 0:.1f} % of {traffic.calls:,} calls of the last complete hour succeeded "
            f"(limit {limit:g} %). Answered instead: {codes}."
        ),
        recommendation=(
            "`dbconnectionfailed`: the reporting database; see `/readyz`. `ratelimitexceeded`: the quota is used up, "
            "raise `rate_limit` or ask for fewer refreshes. `nocompanyassociation`, `accessexception`: the company is "
            "off or its token is not valid here. `toomanyrequests`: more calls in a minute than "
            "ALX_API_BURST_PER_MINUTE allows. Others: the client asks wrongly."
        ),
        link=link,
        details={
            "hour": hour,
            "calls": traffic.calls,
            "success_pct": round(traffic.success_pct or 0.0, 2),
            "limit_pct": limit,
        },
    )


def _cold(company: CompanyHour, hour: int, link: str) -> Observation:
    traffic, limit = company.traffic, company.limits.cache_hit_pct
    return Observation(
        AlertName.API_CACHE_HIT_RATE,
        Severity.INFO,
        subject=company.shortname,
        companyid=company.companyid,
        title=f"The cache helps little for {_whom(company)}",
        message=(
            f"{traffic.cache_hit_pct or 0:.1f} % of {traffic.successes:,} answers of the last complete hour came from "
            f"the cache (limit {limit:g} %)."
        ),
        recommendation=(
            "Harmless while answers are quick. One refresh after each sync can't be cached; many with different "
            "`limit` or `offset` could share pages. Is `ALX_CACHE_MB` large enough, Redis up?"
        ),
        link=link,
        details={
            "hour": hour,
            "answers": traffic.successes,
            "cache_hit_pct": round(traffic.cache_hit_pct or 0.0, 2),
            "limit_pct": limit,
        },
    )


def _whom(company: CompanyHour) -> str:
    return company.shortname or "companies with few calls"
