"""The request log takes each request once, however often it is carried there."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event, select

from alx_core.store.engine import transaction
from alx_core.store.request_log import COLUMNS, add_requests
from alx_core.store.tables import request_log
from support.builders import NOW
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("log")) as made:
        yield made


def make_request(**overrides: Any) -> dict[str, Any]:
    return {
        "request_id": str(uuid4()), "timeaccessed": NOW * 1000, "token_id": None, "key_prefix": "", "companyid": None,
        "endpoint": "course_progress", "method": "POST", "outcome": "ok", "http_status": 200, "rows": 3,
        "bytes": 2**40, "response_time_ms": 1.25, "cache_hit": 1, "replay": 0, "charged": 1,
        "ip_address": "2001:db8::1", "user_agent": "Microsoft.Data.Mashup", "page_limit": 100, "page_offset": 2**40,
        "mode": "full", **overrides,
    }  # fmt: skip


def logged(engine: Engine, *request_ids: str) -> list[dict[str, Any]]:
    query = select(*(request_log.c[name] for name in COLUMNS)).where(request_log.c.request_id.in_(request_ids))
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query.order_by(request_log.c.id)).mappings()]


def add(engine: Engine, *rows: dict[str, Any]) -> None:
    with transaction(engine) as connection:
        add_requests(connection, rows)


def test_requests_come_back_as_they_were_written(engine: Engine) -> None:
    rows = [make_request(), make_request(outcome="invalidtoken", key_prefix="abcd", page_limit=None, mode=None)]
    assert set(rows[0]) == set(COLUMNS)
    add(engine, *rows)
    assert logged(engine, *(row["request_id"] for row in rows)) == rows


def test_a_request_carried_twice_is_written_once(engine: Engine) -> None:
    first, second = make_request(), make_request()
    add(engine, first)
    add(engine, {**first, "outcome": "other"}, second, second)
    assert logged(engine, first["request_id"], second["request_id"]) == [first, second]


def test_nothing_to_write_runs_no_statement(engine: Engine) -> None:
    statements: list[object] = []

    def note(*arguments: object) -> None:
        statements.append(arguments[2])

    with transaction(engine) as connection:
        event.listen(connection, "before_cursor_execute", note)
        add_requests(connection, [])
    assert statements == []
