"""Rows of the request log made by hand, and where they go."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from alx_core.domain.freshness import HOUR_S
from alx_core.store.companies import upsert_company
from alx_core.store.engine import transaction
from alx_core.store.request_log import add_requests

HOUR = 1_795_507_200
"""Tuesday, 24 November 2026, 08:00 UTC, epoch seconds."""
assert HOUR % HOUR_S == 0


def make_request(**overrides: Any) -> dict[str, Any]:
    """One answered request of token 1, company 1, one second into HOUR; `at` (epoch seconds) moves it."""
    at = overrides.pop("at", HOUR + 1)
    return {
        "request_id": str(uuid4()),
        "timeaccessed": round(at * 1000),
        "token_id": 1,
        "key_prefix": "",
        "companyid": 1,
        "endpoint": "moodle",
        "method": "POST",
        "outcome": "ok",
        "http_status": 200,
        "rows": 100,
        "bytes": 20_000,
        "response_time_ms": 10.0,
        "cache_hit": 0,
        "replay": 0,
        "charged": 1,
        "ip_address": "192.0.2.1",
        "user_agent": "Power BI",
        "page_limit": 1000,
        "page_offset": 0,
        "mode": "full",
        **overrides,
    }


def make_refusal(**overrides: Any) -> dict[str, Any]:
    """One request whose token nobody has."""
    nothing = {"token_id": None, "companyid": None, "rows": 0, "charged": 0, "page_limit": None, "page_offset": None}
    return make_request(**{**nothing, "outcome": "invalidtoken", "key_prefix": "abcd", "mode": None, **overrides})


def log_requests(engine: Engine, rows: Iterable[dict[str, Any]]) -> None:
    """Write requests into the log."""
    with transaction(engine) as connection:
        add_requests(connection, list(rows))


def add_companies(engine: Engine, shortnames: Sequence[str], *, rows: int = 0) -> None:
    """Make companies 1, 2, ... with so many rows of the reporting table each."""
    with transaction(engine) as connection:
        for companyid, shortname in enumerate(shortnames, start=1):
            upsert_company(connection, companyid, shortname=shortname, row_count=rows)
