"""Making, importing and revoking tokens."""

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from alx_core.domain.networks import check_networks
from alx_core.errors import SettingsError
from alx_core.store.companies import list_companies
from alx_core.store.tokens import add_token, find_token, hash_token, list_tokens, revoke_tokens, update_token

ALPHABET = string.ascii_letters + string.digits
SECRET_LENGTH = 40
"""Characters of 62 kinds: 238 bits."""


@dataclass(frozen=True, slots=True)
class MoodleToken:
    """A web-service token as Moodle has it, with what it says of its owner.

    `companyid` is the owner's company; None when there is none. `expires_at` None means never.
    """

    token: str
    name: str
    companyid: int | None
    owner_userid: int
    owner_state: str
    allowed_networks: str
    created_at: int
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Import:
    """What an import did: tokens by count."""

    added: int
    updated: int
    unchanged: int
    revoked: int


def create_token(
    connection: Connection, *, shortname: str, name: str, expires_at: int | None, allowed_networks: str, now: int
) -> str:
    """Make a token for a company and return it: it is shown this once.

    Raises SettingsError for an unknown company, a network that is none, or an expiry that has passed.
    """
    check_networks(allowed_networks)
    if expires_at is not None and expires_at <= now:
        raise SettingsError("The expiry lies in the past.")
    token = "alx_" + "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))
    add_token(
        connection,
        token,
        name=name,
        companyid=companyid_of(connection, shortname),
        source="alx",
        owner_state="active",
        allowed_networks=allowed_networks,
        created_at=now,
        expires_at=expires_at,
    )
    return token


def companyid_of(connection: Connection, shortname: str) -> int:
    """Return a company's id. Raises SettingsError that lists the companies there are."""
    known = {row["shortname"]: int(row["companyid"]) for row in list_companies(connection) if not row["is_deleted"]}
    if shortname not in known:
        there_are = ", ".join(sorted(known)) or "none yet: run `alx sync` first"
        raise SettingsError(f"There is no company with shortname {shortname!r}. There are: {there_are}.")
    return known[shortname]


def import_tokens(connection: Connection, tokens: Sequence[MoodleToken], *, now: int) -> Import:
    """Take over Moodle's tokens, hashed; what changed in Moodle changes here, and what is gone there is revoked."""
    added = updated = unchanged = 0
    for each in tokens:
        wanted = {
            "companyid": each.companyid,
            "owner_userid": each.owner_userid,
            "owner_state": each.owner_state,
            "allowed_networks": each.allowed_networks,
            "expires_at": each.expires_at,
        }
        known = find_token(connection, hash_token(each.token))
        if known is None:
            add_token(connection, each.token, name=each.name, source="moodle", created_at=each.created_at, **wanted)
            added += 1
        elif {name: known[name] for name in wanted} != wanted:
            update_token(connection, known["id"], **wanted)
            updated += 1
        else:
            unchanged += 1
    return Import(added, updated, unchanged, _revoke_gone(connection, tokens, now=now))


def _revoke_gone(connection: Connection, tokens: Sequence[MoodleToken], *, now: int) -> int:
    present = {known["id"] for each in tokens if (known := find_token(connection, hash_token(each.token)))}
    gone = [row["id"] for row in list_tokens(connection) if row["source"] == "moodle" and row["id"] not in present]
    return revoke_tokens(connection, gone, now=now)
