"""The tables of the reporting database. Every column says its unit; times are Unix epoch seconds, UTC, unless named.

The schema itself is made by the migrations; `alembic check` in the tests keeps the two the same.
"""

from alx_core.store.tables.alerts import IS_NOT_RESOLVED, alert_deliveries, alerts
from alx_core.store.tables.api import (
    api_sessions,
    api_tokens,
    api_usage,
    company_settings,
    response_cache,
    status_logins,
    sync_status,
)
from alx_core.store.tables.common import metadata
from alx_core.store.tables.report import (
    companies,
    is_current,
    reporting,
    reporting_history,
    sync_catalogue,
    sync_digests,
    sync_errors,
    sync_run_companies,
    sync_runs,
)
from alx_core.store.tables.traffic import api_metrics_hourly, api_token_addresses, request_log

__all__ = [
    "IS_NOT_RESOLVED",
    "alert_deliveries",
    "alerts",
    "api_metrics_hourly",
    "api_sessions",
    "api_token_addresses",
    "api_tokens",
    "api_usage",
    "companies",
    "company_settings",
    "is_current",
    "metadata",
    "reporting",
    "reporting_history",
    "request_log",
    "response_cache",
    "status_logins",
    "sync_catalogue",
    "sync_digests",
    "sync_errors",
    "sync_run_companies",
    "sync_runs",
    "sync_status",
]
