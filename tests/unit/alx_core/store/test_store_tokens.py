"""Tokens are kept by their hash alone, and revoked at once."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, select

from alx_core.store.engine import transaction
from alx_core.store.tables import api_tokens
from alx_core.store.tokens import PREFIX_LENGTH, find_token, hash_token, list_tokens, revoke_tokens
from support.builders import NOW
from support.reads import Company, FakeClock, access_of, make_token
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("tokens")) as made:
        yield made


def test_nothing_stored_tells_more_of_a_token_than_its_first_characters(engine: Engine) -> None:
    token = make_token(engine, None)
    with engine.connect() as connection:
        row = connection.execute(select(api_tokens).where(api_tokens.c.token_hash == hash_token(token))).one()
        assert find_token(connection, hash_token(token)) is not None
        assert all("token_hash" not in each for each in list_tokens(connection))
    assert row.prefix == token[:PREFIX_LENGTH]
    assert token[PREFIX_LENGTH:] not in repr(row)


def test_any_text_can_be_looked_up_as_a_token() -> None:
    assert len({hash_token(each) for each in ("", "a", "\ud800", "\0", "é" * 10_000)}) == 5


def test_a_token_is_revoked_for_the_very_next_request_and_once(engine: Engine) -> None:
    token, other = make_token(engine, None), make_token(engine, None)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as reader:
        token_id = access_of(reader, token, 1).token_id
        with transaction(engine) as connection:
            assert revoke_tokens(connection, [token_id, 10**9], now=NOW) == 1
        assert access_of(reader, token, 1).revoked_at == NOW
        assert access_of(reader, other, 1).revoked_at is None
        with transaction(engine) as connection:
            assert revoke_tokens(connection, [token_id], now=NOW + 9) == 0
            assert revoke_tokens(connection, [], now=NOW) == 0
        assert access_of(reader, token, 1).revoked_at == NOW


def test_tokens_are_listed_with_their_company(engine: Engine) -> None:
    company = Company(engine, FakeClock())
    make_token(engine, company.companyid, name="Report")
    with engine.connect() as connection:
        found = [each for each in list_tokens(connection) if each["companyid"] == company.companyid]
    assert [(each["name"], each["shortname"]) for each in found] == [("Report", f"c{company.companyid}")]
