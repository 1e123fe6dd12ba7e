"""The companies' hours of the API with the limits that hold for each: what alerts and checks judge."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlalchemy import Connection

from alx_core.domain.api_hours import ApiLimits, CompanyHour
from alx_core.domain.company_settings import CompanySettings
from alx_core.domain.metrics import NO_COMPANY, HourMetrics
from alx_core.services.company_settings import settings_in_force
from alx_core.settings import Settings


def api_limits(settings: Settings) -> ApiLimits:
    """Return the limits of whoever has none of its own."""
    return ApiLimits(
        settings.alert_api_slow_ms,
        settings.alert_api_success_pct,
        settings.alert_api_cache_hit_pct,
        settings.alert_min_calls,
    )


def company_hours(
    connection: Connection, metrics: Iterable[HourMetrics], names: Mapping[int, str], limits: ApiLimits
) -> list[CompanyHour]:
    """Put an hour's metrics together with each company's limits. `names`: companyid -> what it is called.

    Requests without a company are left out: they are refused keys, which are judged for themselves.
    """
    settings_of = settings_in_force(connection)
    return [
        _company_hour(each, names, settings_of(each.companyid), limits)
        for each in metrics
        if each.companyid != NO_COMPANY
    ]


def _company_hour(hour: HourMetrics, names: Mapping[int, str], own: CompanySettings, limits: ApiLimits) -> CompanyHour:
    return CompanyHour(
        hour.companyid,
        names.get(hour.companyid, str(hour.companyid)),
        hour.traffic,
        replace(
            limits,
            slow_ms=own.alert_api_slow_ms or limits.slow_ms,
            cache_hit_pct=own.alert_cache_hit_pct or limits.cache_hit_pct,
        ),
        is_cached=own.cache_enabled,
    )
