"""The demo's own tokens: one per company, kept in the clear so that each `alx demo` prints the same ones.

That is for made-up data only. `alx token create` keeps no secret.
"""

import json
import os
from pathlib import Path

from sqlalchemy import Connection

from alx_core.services.tokens import create_token
from alx_core.store.companies import list_companies
from alx_core.store.tokens import find_token, hash_token

FILE_NAME = "demo-tokens.json"
NAME = "demo"


def demo_tokens(connection: Connection, home: Path, *, now: int) -> dict[str, str]:
    """Return a working token for each company, by shortname, and make those that are missing.

    `home` is the demo's ALX_HOME; the file there can be read by its owner alone.
    """
    path = home / FILE_NAME
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    tokens = {}
    for company in list_companies(connection):
        if company["is_deleted"]:
            continue
        shortname = company["shortname"]
        token = kept.get(shortname, "")
        if not _works(connection, token, company["companyid"]):
            token = create_token(
                connection, shortname=shortname, name=NAME, expires_at=None, allowed_networks="", now=now
            )
        tokens[shortname] = token
    if tokens != kept:
        _write(path, tokens)
    return tokens


def _works(connection: Connection, token: str, companyid: int) -> bool:
    known = find_token(connection, hash_token(token))
    return known is not None and known["revoked_at"] is None and known["companyid"] == companyid


def _write(path: Path, tokens: dict[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)  # the file may have been there
        json.dump(tokens, file, indent=2)
        file.write("\n")
