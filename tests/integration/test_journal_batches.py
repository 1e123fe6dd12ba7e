"""The request log under load: what comes while a batch is written goes together into the next one."""

import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, func, select

from alx_core.store.engine import connect
from alx_core.store.tables import request_log
from api_server.entry import LogEntry
from api_server.journal import GATHER_S, Journal
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

REQUESTS = 1500


@pytest.mark.parametrize("kind", KINDS_OF_DATABASE)
def test_requests_that_come_one_by_one_do_not_cost_a_transaction_each(kind: str, tmp_path: Path) -> None:
    with migrated_engine(kind, tmp_path) as engine:
        journal = Journal(tmp_path / "journal", engine.url)
        inserts = counted_inserts(journal._engine)
        began = time.monotonic()
        journal.start()
        for number in range(REQUESTS):
            journal.write(LogEntry(f"request {number}", number, "POST", "127.0.0.1", "test"))
            time.sleep(0.0002)
        journal.close()
        most = (time.monotonic() - began) / GATHER_S + 1  # between two batches a whole GATHER_S passes
        with connect(engine) as connection:
            assert connection.scalar(select(func.count()).select_from(request_log)) == REQUESTS
        assert 1 <= len(inserts) <= most


def counted_inserts(engine: Engine) -> list[str]:
    """A list to which every INSERT of the engine is added."""
    inserts: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("INSERT"):
            inserts.append(statement)

    return inserts
