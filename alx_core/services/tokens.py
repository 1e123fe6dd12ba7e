"""Making, importing and revoking tokens."""

import secrets
import string
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from alx_core.domain.networks import check_networks
from alx_core.domain.owner_state import OwnerState
from alx_core.errors import SettingsError
from alx_core.store.companies import list_companies
from alx_core.store.sessions import forget_reads
from alx_core.store.tokens import (
    PREFIX_LENGTH,
    add_token,
    find_token,
    hash_token,
    list_tokens,
    revoke_tokens,
    take_turns,
    update_token,
)

ALPHABET = string.ascii_letters + string.digits
SECRET_LENGTH = 40
"""Characters of 62 kinds: 238 bits."""
SHORTEST_PREFIX = 4
"""Characters by which a token may be named on the command line."""


@dataclass(frozen=True, slots=True)
class MoodleToken:
    """A web-service token as Moodle has it, with what it says of its owner.

    `companyid` is the owner's company; None when there is none. `expires_at` None means never.
    """

    token: str = field(repr=False)  # no log and no traceback shows it
    name: str
    companyid: int | None
    owner_userid: int
    owner_state: OwnerState
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
        owner_state=OwnerState.ACTIVE.value,
        allowed_networks=allowed_networks,
        created_at=now,
        expires_at=expires_at,
    )
    return token


def companyid_of(connection: Connection, shortname: str) -> int:
    """Return a company's id. Raises SettingsError for an unknown shortname, or one that two companies share."""
    known = [row for row in list_companies(connection) if not row["is_deleted"]]
    found = [int(row["companyid"]) for row in known if row["shortname"] == shortname]
    if len(found) > 1:
        raise SettingsError(
            f"{len(found)} companies have the shortname {shortname!r}. Make it unique in IOMAD, and sync."
        )
    if not found:
        there_are = ", ".join(row["shortname"] for row in known) or "none yet: run `alx sync` first"
        raise SettingsError(f"There is no company with shortname {shortname!r}. There are: {there_are}.")
    return found[0]


def pick_token(connection: Connection, reference: str) -> dict[str, Any]:
    """Return the token that a person names by its id, its first characters, or itself.

    Raises SettingsError when there is none, or more than one: revoking the wrong one stops somebody's report.
    """
    if len(reference) > PREFIX_LENGTH:
        whole = find_token(connection, hash_token(reference))
        found = [row for row in list_tokens(connection) if whole is not None and row["id"] == whole["id"]]
    else:
        found = [row for row in list_tokens(connection) if _is_named(row, reference)]
    if not found:
        raise SettingsError(f"There is no token {reference[:PREFIX_LENGTH]!r}. `alx token list` shows all.")
    if len(found) > 1:
        candidates = ", ".join(f"{row['id']} ({row['prefix']}..., {row['shortname']})" for row in found)
        raise SettingsError(f"{reference!r} names {len(found)} tokens: {candidates}. Give the id of one.")
    return found[0]


def _is_named(row: dict[str, Any], reference: str) -> bool:
    if str(row["id"]) == reference:
        return True
    return len(reference) >= SHORTEST_PREFIX and str(row["prefix"]).startswith(reference)


def revoke(connection: Connection, token_ids: Collection[int], *, now: int) -> int:
    """Revoke tokens for good, as a person decides: no import gives them back. Return how many were not revoked yet."""
    take_turns(connection)
    revoked = revoke_tokens(connection, token_ids, now=now)
    for row in list_tokens(connection):
        if row["id"] in token_ids and row["owner_state"] == OwnerState.GONE:
            update_token(connection, row["id"], owner_state=OwnerState.DELETED.value)
    return revoked


def has_imported(connection: Connection) -> bool:
    """Whether any token came from Moodle: from then on they are kept in step."""
    return any(row["source"] == "moodle" for row in list_tokens(connection))


def import_tokens(connection: Connection, tokens: Sequence[MoodleToken], *, now: int) -> Import:
    """Take over Moodle's tokens, hashed; what changed in Moodle changes here, and what is gone there is revoked.

    A token that comes back in Moodle (the import looked into the wrong database once) works again; one that a person
    revoked here, also while an import is under way, stays revoked and is left alone.
    """
    take_turns(connection)
    done: Counter[str] = Counter()
    present = set()
    for each in tokens:
        known = find_token(connection, hash_token(each.token))
        if known is None:
            add = {"source": "moodle", "created_at": each.created_at, **_told(each)}
            present.add(add_token(connection, each.token, **add))
            done["added"] += 1
        else:
            present.add(known["id"])
            done["updated" if _bring_up_to_date(connection, known, _told(each)) else "unchanged"] += 1
    revoked = _revoke_gone(connection, present, now=now)
    return Import(done["added"], done["updated"], done["unchanged"], revoked)


def _told(token: MoodleToken) -> dict[str, object]:
    """What Moodle says about a token, by column."""
    return {
        "name": token.name,
        "companyid": token.companyid,
        "owner_userid": token.owner_userid,
        "owner_state": str(token.owner_state),
        "allowed_networks": token.allowed_networks,
        "expires_at": token.expires_at,
    }


def _bring_up_to_date(connection: Connection, known: dict[str, Any], told: dict[str, object]) -> bool:
    """Write what Moodle says differently; return whether it did."""
    is_revoked_by_a_person = known["revoked_at"] is not None and known["owner_state"] != OwnerState.GONE
    if is_revoked_by_a_person or {name: known[name] for name in told} == told:
        return False
    update_token(connection, known["id"], **told, revoked_at=None)
    if told["companyid"] != known["companyid"]:
        forget_reads(connection, known["id"])
    return True


def _revoke_gone(connection: Connection, present: Collection[int], *, now: int) -> int:
    gone = [
        row["id"]
        for row in list_tokens(connection)
        if row["source"] == "moodle" and row["id"] not in present and row["revoked_at"] is None
    ]
    for token_id in gone:
        update_token(connection, token_id, owner_state=OwnerState.GONE.value, revoked_at=now)
    return len(gone)
