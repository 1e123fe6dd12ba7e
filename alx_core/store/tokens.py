"""The tokens: hashes only, never the tokens themselves."""

import hashlib
import re
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, insert, select, text, update

from alx_core.store.engine import is_postgresql
from alx_core.store.tables import api_tokens, companies

PREFIX_LENGTH = 8
OF_MOODLE = re.compile(r"[0-9A-Fa-f]{32}")
"""A token that Moodle made: an MD5 in hex, which the column of a Moodle on MariaDB or MySQL finds in upper case too."""
LOCK_KEY = 0x616C785F746F6B6E
"""Key of the PostgreSQL advisory lock: the letters `alx_tokn`."""


def take_turns(connection: Connection) -> None:
    """Let one transaction at a time decide which tokens are revoked, so that none overwrites what it has not read.

    On SQLite a transaction that writes is alone anyway.
    """
    if is_postgresql(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token, hex. Tokens have 128 random bits or more, so a slow hash would add nothing."""
    known = token.lower() if OF_MOODLE.fullmatch(token) else token
    return hashlib.sha256(known.encode("utf-8", "surrogatepass")).hexdigest()


def add_token(connection: Connection, token: str, **values: object) -> int:
    """Write a token by its hash and return its id."""
    row = {"token_hash": hash_token(token), "prefix": token[:PREFIX_LENGTH], **values}
    return int(connection.execute(insert(api_tokens).values(row).returning(api_tokens.c.id)).scalar_one())


def list_tokens(connection: Connection) -> list[dict[str, Any]]:
    """Return all tokens without their hashes, with the company's shortname, by id."""
    columns = [column for column in api_tokens.columns if column.name != "token_hash"]
    query = (
        select(*columns, companies.c.shortname)
        .outerjoin(companies, companies.c.companyid == api_tokens.c.companyid)
        .order_by(api_tokens.c.id)
    )
    return [{str(name): value for name, value in row.items()} for row in connection.execute(query).mappings()]


def find_token(connection: Connection, token_hash: str) -> dict[str, Any] | None:
    """Return a token by its hash."""
    row = connection.execute(select(api_tokens).where(api_tokens.c.token_hash == token_hash)).mappings().first()
    return None if row is None else dict(row)


def update_token(connection: Connection, token_id: int, **values: object) -> None:
    """Change a token."""
    connection.execute(update(api_tokens).where(api_tokens.c.id == token_id).values(**values))


def revoke_tokens(connection: Connection, token_ids: Collection[int], *, now: int) -> int:
    """Revoke tokens that are not revoked yet; return how many that were. It works from the next request on."""
    statement = update(api_tokens).where(api_tokens.c.id.in_(list(token_ids)), api_tokens.c.revoked_at.is_(None))
    return connection.execute(statement.values(revoked_at=now)).rowcount
