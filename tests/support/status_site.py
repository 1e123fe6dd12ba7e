"""A reporting database with a busy week in it, for the status page: syncs, companies, calls, tokens, quotas, alerts."""

import random
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert

from alx_core.store.engine import transaction
from alx_core.store.metrics import count_hours, replace_hours
from alx_core.store.tables import (
    alerts,
    api_tokens,
    api_usage,
    companies,
    company_settings,
    request_log,
    sync_run_companies,
    sync_runs,
)

HOUR_S = 3600
HOSTILE = "<script>alert(1)</script>"
NAMES = (
    HOSTILE, "Northwind Rail", "Acme Manufacturing", "Blue Harbour Foods", "Cobalt Energy", "Delta Logistics",
    "Elm & Oak Interiors", "Fjord Shipping", "Granite Insurance", "Helios Solar", "Ivory Textiles", "Juniper Health",
    "Kestrel Aviation", "Lumen Telecom", "Meridian Bank", "Nimbus Cloud Services", "Orchard Retail", "Pinnacle Steel",
    "Quartz Mining", "Riverside Hospitals", "Sable Motors", "Tundra Outdoor", "Umbra Security", "Vertex Pharma",
    "Willow Care Homes", "Xenon Lighting", "Yarrow Organics", "Zephyr Airlines", "Amber Hotels", "Birch Construction",
    "Coral Cruises",
)  # fmt: skip
FAILED, SUSPENDED, GONE, NEVER, STALE = 5, 7, 9, 11, 13
"""Companies (by id) that are not simply synced."""
USED_UP, NEAR = 2, 3
"""Companies at and near the end of their quota."""
ATTACKER = "203.0.113.77"


def fill(engine: Engine, now: int, *, last_sync_at: int | None = None) -> None:
    """Write the week that ends at `now`; the newest sync that succeeded ended at `last_sync_at`, default: this hour."""
    dice = random.Random(7)
    tick = now - now % HOUR_S + 300
    newest = tick if tick + 60 <= now else tick - HOUR_S
    if last_sync_at is not None:
        newest = last_sync_at - last_sync_at % HOUR_S + 300
    with transaction(engine) as connection:
        _add_companies(connection, newest, dice)
        _add_runs(connection, newest, dice)
        _add_tokens(connection, now)
        _add_calls(connection, now, dice)
        _add_alerts(connection, now)
    with transaction(engine) as connection:
        running = now - now % HOUR_S
        metrics = count_hours(connection, start=running - 30 * HOUR_S, end=running - 2 * HOUR_S)
        replace_hours(connection, metrics=metrics, known=[], now=now)


def make_call(**overrides: Any) -> dict[str, Any]:
    """A row of the request log: a page from the cache."""
    return {
        "request_id": "", "timeaccessed": 0, "token_id": 1, "key_prefix": "", "companyid": 1, "endpoint": "moodle",
        "method": "POST", "outcome": "ok", "http_status": 200, "rows": 100, "bytes": 9_000, "response_time_ms": 4.0,
        "cache_hit": 1, "replay": 0, "charged": 1, "ip_address": "192.0.2.10", "user_agent": "Microsoft.Data.Mashup",
        "page_limit": 100, "page_offset": 0, "mode": "full", **overrides,
    }  # fmt: skip


def make_company(companyid: int, **overrides: Any) -> dict[str, Any]:
    """A row of `companies`: synced never, nothing wrong."""
    return {
        "companyid": companyid, "shortname": f"company{companyid:02}", "name": f"Company {companyid}", "suspended": 0,
        "is_deleted": 0, "row_count": 10, "published_seq": 0, "last_synced_at": None, "last_error": None, **overrides,
    }  # fmt: skip


def make_alert(**overrides: Any) -> dict[str, Any]:
    """An open alert."""
    return {
        "alert": "failed_auth", "subject": f"address {ATTACKER}", "severity": "warning", "state": "open",
        "companyid": None, "token_id": None, "title": "Failed authentications", "message": "Many.",
        "recommendation": "Look.", "link": "", "details": "{}", "occurrences": 1, "opened_at": 0, "last_seen_at": 0,
        "notified_at": None, "acknowledged_at": None, "resolved_at": None, **overrides,
    }  # fmt: skip


def _add_companies(connection: Connection, newest: int, dice: random.Random) -> None:
    odd: dict[int, dict[str, Any]] = {
        FAILED: {
            "last_error": "DataError: value too long for type character varying(16)",
            "last_synced_at": newest - 5 * HOUR_S,
        },
        SUSPENDED: {"suspended": 1},
        GONE: {"is_deleted": 1, "last_synced_at": newest - 60 * HOUR_S, "row_count": 0},
        NEVER: {"last_synced_at": None, "row_count": 0},
        STALE: {"last_synced_at": newest - 9 * HOUR_S},
    }
    rows = [
        make_company(
            companyid,
            name=name,
            row_count=dice.randrange(300, 90_000),
            last_synced_at=newest + 8,
        )
        | odd.get(companyid, {})
        for companyid, name in enumerate(NAMES, start=1)
    ]
    connection.execute(insert(companies), rows)


def _add_runs(connection: Connection, newest: int, dice: random.Random) -> None:
    runs, done = [], []
    for run_id, started_at in enumerate(range(newest - 167 * HOUR_S, newest + 1, HOUR_S), start=1):
        is_failed = run_id in (30, 31, 32, 77, 140)
        changes = {"created": dice.randrange(40), "updated": dice.randrange(400), "deleted": dice.randrange(9)}
        runs.append(
            {
                "id": run_id, "kind": "hourly", "status": "failed" if is_failed else "succeeded", "as_of": started_at,
                "window_start": started_at - 300 - HOUR_S, "window_end": started_at - 300, "started_at": started_at,
                "finished_at": started_at + 8, "seconds": 8.3, "companies": 29, "companies_failed": int(is_failed),
                "processed": 1_204_311, "unchanged": 1_203_900, "errors": 17, "ranges": 40, "ranges_skipped": 31,
                "error": "1 of 29 companies failed" if is_failed else None,
                "dagster_run_id": f"5f0c7d1e-0000-4000-8000-{run_id:012}", **changes,
            }
        )  # fmt: skip
        if started_at > newest - 26 * HOUR_S:
            done += [
                {
                    "run_id": run_id, "companyid": companyid, "status": "succeeded", "processed": 40_000,
                    "created": dice.randrange(3), "updated": dice.randrange(20), "deleted": dice.randrange(2),
                    "unchanged": 39_990, "errors": dice.choice((0, 0, 0, 2)), "seconds": 0.2, "error": None,
                }
                for companyid in range(1, len(NAMES) + 1)
                if companyid not in (GONE, NEVER)
            ]  # fmt: skip
    connection.execute(insert(sync_runs), runs)
    connection.execute(insert(sync_run_companies), done)


def _add_tokens(connection: Connection, now: int) -> None:
    day = 24 * HOUR_S
    rows = [
        {
            "token_hash": f"{number:064}", "prefix": f"alx_{number:04}", "name": "Power BI", "companyid": number,
            "source": "alx", "owner_state": "active", "allowed_networks": "", "created_at": now - 90 * day,
            "expires_at": None, "revoked_at": None, "last_used_at": now - 600,
        }
        for number in range(1, 25)
    ]  # fmt: skip
    rows[0]["expires_at"] = now + 5 * day
    rows[1]["expires_at"] = now + 100 * day
    rows[2]["expires_at"] = now - day
    rows[3]["revoked_at"] = now - 2 * day
    rows[4]["last_used_at"] = None
    rows[5]["owner_state"] = "suspended"
    connection.execute(insert(api_tokens), rows)
    connection.execute(
        insert(company_settings),
        [
            {"companyid": 0, "setting_name": "rate_limit", "setting_value": "500", "timemodified": now},
            {"companyid": USED_UP, "setting_name": "rate_limit", "setting_value": "120", "timemodified": now},
            {"companyid": 4, "setting_name": "rate_limit", "setting_value": "0", "timemodified": now},
        ],
    )


def _add_calls(connection: Connection, now: int, dice: random.Random) -> None:
    rows = []
    for number in range(6_000):
        at = now - dice.randrange(30 * HOUR_S)
        busy = 1 + (at // HOUR_S % 24 in (6, 7, 8))
        companyid = min(len(NAMES), int(dice.paretovariate(0.9)))
        is_hit = dice.random() < 0.86
        took = dice.lognormvariate(1.2 if is_hit else 4.2, 0.45) * busy
        rows.append(
            make_call(
                request_id=f"call-{number}",
                timeaccessed=at * 1000 + dice.randrange(1000),
                token_id=companyid,
                companyid=companyid,
                rows=dice.choice((100, 1000)),
                bytes=dice.randrange(4_000, 90_000),
                response_time_ms=round(took, 3),
                cache_hit=int(is_hit),
            )
        )
    refused = {"rows": 0, "bytes": 120, "cache_hit": 0, "charged": 0, "response_time_ms": 1.2}
    rows += [
            make_call(
                request_id=f"attack-{number}", timeaccessed=(now - 5 * HOUR_S) * 1000 + number * 900, token_id=None,
                companyid=None, outcome="invalidtoken", key_prefix=f"guess{number:03}"[:8], ip_address=ATTACKER,
                user_agent="python-requests/2.32", **refused,
            )
        for number in range(64)
    ]  # fmt: skip
    rows += [
            make_call(
                request_id=f"over-{number}", timeaccessed=(now - 700 * number) * 1000, token_id=USED_UP,
                companyid=USED_UP, outcome="ratelimitexceeded", **refused,
            )
        for number in range(9)
    ]  # fmt: skip
    rows.append(
        make_call(
            request_id="page-too-large", timeaccessed=(now - 2 * HOUR_S) * 1000, outcome="limittoolarge", **refused
        )
    )
    connection.execute(insert(request_log), rows)
    day = _utc_day(now)
    usage = [
        {"companyid": USED_UP, "day": day, "calls": 120},
        {"companyid": NEAR, "day": day, "calls": 431},
        {"companyid": 4, "day": day, "calls": 2_210},
        {"companyid": 1, "day": day, "calls": 208},
    ]
    connection.execute(insert(api_usage), usage)


def _add_alerts(connection: Connection, now: int) -> None:
    link = "http://127.0.0.1:3000/assets/reporting_table"
    connection.execute(
        insert(alerts),
        [
            make_alert(
                severity="critical", title=f"64 failed authentications from {ATTACKER}", opened_at=now - 5 * HOUR_S,
                last_seen_at=now - 4 * HOUR_S, occurrences=4,
                message=f"64 calls from {ATTACKER} were refused within an hour (limit 10).",
                recommendation="A report with an old or revoked token? `alx token list` shows prefixes; give it a new "
                "one. Nobody you know? Block the address at the proxy.",
            ),
            make_alert(
                alert="sync_error_rate", subject="", title="17 bad records in the last sync", opened_at=now - 1500,
                last_seen_at=now - 300, link=link, message="0.1 % of 1,204,311 records can't be right.",
                recommendation="`SELECT * FROM sync_errors` names them.",
            ),
            make_alert(
                alert="unusual_activity", subject="company02", severity="info", state="acknowledged", companyid=USED_UP,
                title="company02 calls from a new address", opened_at=now - 26 * HOUR_S, last_seen_at=now - 1800,
                message="The token alx_0002 was used from 198.51.100.4 for the first time.",
                recommendation="Ask the company. Not theirs? `alx token revoke`.", acknowledged_at=now - 3600,
            ),
            make_alert(alert="sync_stale", subject="", state="resolved", opened_at=now - 90_000, resolved_at=now),
        ],
    )  # fmt: skip


def _utc_day(now: int) -> str:
    return datetime.fromtimestamp(now, UTC).date().isoformat()
