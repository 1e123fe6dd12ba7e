"""A person revokes a token while an import of Moodle's is under way: whoever is first, it stays revoked."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from alx_core.domain.owner_state import OwnerState
from alx_core.services.tokens import MoodleToken, import_tokens, revoke
from alx_core.store.engine import open_engine, transaction
from support.builders import NOW
from support.reads import access_of
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

SECRET = "0123456789abcdef0123456789abcdef"
TOKEN = MoodleToken(SECRET, "Power BI", 1, 7, OwnerState.ACTIVE, "", NOW - 9, None)
IMPATIENT = {"sqlite": "PRAGMA busy_timeout = 1", "postgresql": "SET lock_timeout = 1"}
"""By which a connection waits no longer than a millisecond for another's lock."""


@pytest.fixture(params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path) as made:
        yield made


def revoke_elsewhere(engine: Engine, token_id: int) -> bool:
    """Revoke a token as another process does. False: it would have to wait, and did nothing."""

    def make_impatient(driver: Any, _entry: object) -> None:
        driver.execute(IMPATIENT[engine.dialect.name])
        driver.commit()

    with open_engine(engine.url) as other:
        event.listen(other, "connect", make_impatient)
        try:
            with transaction(other) as connection:
                revoke(connection, [token_id], now=NOW + 5)
        except OperationalError:
            return False
    return True


@pytest.mark.parametrize(
    ("before", "told"),
    [
        pytest.param([TOKEN], [replace(TOKEN, name="other")], id="changed"),
        pytest.param([TOKEN], [], id="gone"),
        pytest.param([], [TOKEN], id="back"),
    ],
)
def test_what_a_person_revokes_in_the_middle_of_an_import_no_import_gives_back(
    engine: Engine, before: Sequence[MoodleToken], told: Sequence[MoodleToken]
) -> None:
    with transaction(engine) as connection:
        import_tokens(connection, [TOKEN], now=NOW)
        import_tokens(connection, before, now=NOW)
        token_id = access_of(connection, SECRET, 1).token_id
    is_revoked: list[bool] = []

    def meanwhile(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("UPDATE api_tokens") and not is_revoked:
            is_revoked.append(revoke_elsewhere(engine, token_id))

    event.listen(engine, "before_cursor_execute", meanwhile)
    with transaction(engine) as connection:
        import_tokens(connection, told, now=NOW + 6)
    event.remove(engine, "before_cursor_execute", meanwhile)
    assert is_revoked
    if not is_revoked[0]:  # it waited for the import
        assert revoke_elsewhere(engine, token_id)
    with transaction(engine) as connection:
        import_tokens(connection, [TOKEN], now=NOW + 7)
        assert access_of(connection, SECRET, 1).revoked_at is not None
