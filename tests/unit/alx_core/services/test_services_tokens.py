"""Making, importing and revoking tokens: what Moodle says of a token holds here after the next import."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from alx_core.domain.owner_state import OwnerState
from alx_core.domain.paging import Position, ReadMode, Session
from alx_core.errors import SettingsError
from alx_core.services.tokens import Import, MoodleToken, create_token, import_tokens, revoke
from alx_core.store.companies import upsert_company
from alx_core.store.engine import transaction
from alx_core.store.sessions import begin_session, note_finished
from alx_core.store.tokens import list_tokens
from support.builders import NOW
from support.reads import access_of
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

SECRET = "0123456789abcdef0123456789abcdef"
TOKEN = MoodleToken(SECRET, "Power BI", 1, 7, OwnerState.ACTIVE, "10.", NOW - 9, NOW + 9)


@pytest.fixture(params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """In a transaction, with the companies acme (1) and beta (2)."""
    with transaction(engine) as made:
        for companyid, shortname in ((1, "acme"), (2, "beta")):
            upsert_company(made, companyid, shortname=shortname)
        yield made


def create(connection: Connection, **overrides: object) -> str:
    given = {"shortname": "acme", "name": "Report", "expires_at": None, "allowed_networks": "", "now": NOW}
    return create_token(connection, **{**given, **overrides})


def test_a_new_token_works_for_its_company_and_is_never_the_same(connection: Connection) -> None:
    first, second = create(connection), create(connection, shortname="beta", expires_at=NOW + 1)
    assert first != second
    assert access_of(connection, first, 1).companyid == 1
    assert (access_of(connection, second, 1).companyid, access_of(connection, second, 1).expires_at) == (2, NOW + 1)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"shortname": "gamma"}, "There are: acme, beta"),
        ({"expires_at": NOW}, "lies in the past"),
        ({"allowed_networks": "10.0.0.0/99"}, "is no address"),
    ],
)
def test_a_token_that_could_not_work_is_not_made(
    connection: Connection, overrides: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        create(connection, **overrides)
    assert list_tokens(connection) == []


def test_an_import_takes_over_what_moodle_says_and_says_what_it_did(connection: Connection) -> None:
    assert import_tokens(connection, [TOKEN], now=NOW) == Import(added=1, updated=0, unchanged=0, revoked=0)
    assert import_tokens(connection, [TOKEN], now=NOW) == Import(0, 0, 1, 0)
    access = access_of(connection, SECRET, 1)
    assert (access.companyid, access.allowed_networks, access.expires_at) == (1, "10.", NOW + 9)
    changed = replace(TOKEN, allowed_networks="", expires_at=None, owner_state=OwnerState.SUSPENDED)
    assert import_tokens(connection, [changed], now=NOW) == Import(0, 1, 0, 0)
    access = access_of(connection, SECRET, 1)
    assert (access.allowed_networks, access.expires_at, access.owner_state) == ("", None, "suspended")


def test_what_is_gone_in_moodle_is_revoked_and_works_again_when_it_is_back(connection: Connection) -> None:
    ours = create(connection)
    import_tokens(connection, [TOKEN], now=NOW)
    assert import_tokens(connection, [], now=NOW + 1) == Import(0, 0, 0, 1)
    assert access_of(connection, SECRET, 1).revoked_at == NOW + 1
    assert access_of(connection, ours, 1).revoked_at is None
    assert import_tokens(connection, [TOKEN], now=NOW + 2) == Import(0, 1, 0, 0)
    assert access_of(connection, SECRET, 1).revoked_at is None


def test_what_a_person_revoked_no_import_gives_back(connection: Connection) -> None:
    import_tokens(connection, [TOKEN], now=NOW)
    token_id = access_of(connection, SECRET, 1).token_id
    assert revoke(connection, [token_id], now=NOW) == 1
    import_tokens(connection, [], now=NOW + 1)
    import_tokens(connection, [replace(TOKEN, name="other")], now=NOW + 2)
    assert access_of(connection, SECRET, 1).revoked_at == NOW


def test_a_token_that_moves_to_another_company_forgets_what_it_read(connection: Connection) -> None:
    import_tokens(connection, [TOKEN], now=NOW)
    token_id = access_of(connection, SECRET, 1).token_id
    session = Session(ReadMode.FULL, 7, 0, 0, NOW, NOW, None)
    assert begin_session(connection, token_id, 1, before=None, session=session)
    note_finished(connection, token_id, Position(7, NOW))
    import_tokens(connection, [replace(TOKEN, name="same company")], now=NOW)
    assert access_of(connection, SECRET, 1).pending is not None
    import_tokens(connection, [replace(TOKEN, companyid=2)], now=NOW)
    access = access_of(connection, SECRET, 1)
    assert (access.companyid, access.session, access.position, access.pending) == (2, None, None, None)


def test_no_text_of_a_moodle_token_shows_its_secret() -> None:
    assert SECRET not in repr(TOKEN)
