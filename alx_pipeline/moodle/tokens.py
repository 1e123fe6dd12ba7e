"""The web-service tokens of a Moodle that had the plugin: read here, hashed and kept by `alx_core.services.tokens`.

Which tokens, and what Moodle's REST server says of each, follows `authenticate_by_token()`, `authenticate_user()` and
`load_function_info()` in Moodle's webservice/lib.php. A capability that a service asks for is not looked at: that
takes Moodle's role system. Until when a user may use a service is taken as it is meant: Moodle's statement compares the
wrong way round (`su.validuntil < :now`), refuses until then and admits afterwards.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Select, TableClause, column, func, or_, select, table
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from alx_core.domain.networks import in_all_of
from alx_core.domain.owner_state import OwnerState
from alx_core.domain.plugin import FUNCTION, SERVICES
from alx_core.services.tokens import MoodleToken
from alx_pipeline.moodle.failures import source_error
from alx_pipeline.moodle.inspection import Site, inspect_tables, require_usable
from alx_pipeline.moodle.source import make_moodle_engine

PERMANENT = 0
"""EXTERNAL_TOKEN_PERMANENT: the only type that the REST server takes as `wstoken`."""

TOKEN_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "external_tokens": (
        "id", "token", "tokentype", "userid", "externalserviceid", "sid", "iprestriction", "validuntil", "timecreated",
    ),
    "external_services": ("id", "shortname", "enabled", "restrictedusers"),
    "user": ("id", "username", "auth", "confirmed", "deleted", "suspended"),
    "company_users": ("id", "userid", "companyid", "suspended"),
}  # fmt: skip
"""The tables that an import reads, with their columns."""

AUTHORISED_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "external_services_users": ("externalserviceid", "userid", "iprestriction", "validuntil"),
}
"""Read only when the plugin's service is for authorised users alone."""

FUNCTION_COLUMNS: Mapping[str, tuple[str, ...]] = {"external_services_functions": ("externalserviceid", "functionname")}
"""Read where the database user may: without it, the plugin's services are taken to have its function."""

ALL_COLUMNS = {**TOKEN_COLUMNS, **AUTHORISED_COLUMNS, **FUNCTION_COLUMNS}

NO_RESTRICTION = (None, "", "0")
"""What is no list of networks to Moodle, as it is false to PHP."""

Row = Mapping[str, Any]


def inspect_tokens(engine: Engine, prefix: str) -> Site:
    """Look whether the tables are there and may be read. Raises SourceUnreachable or SourceAccessDenied."""
    return inspect_tables(engine, prefix, TOKEN_COLUMNS)


def read_tokens_at(url: URL, prefix: str) -> list[MoodleToken]:
    """Connect to a Moodle and return its tokens, as `read_tokens` does."""
    engine = make_moodle_engine(url)
    try:
        return read_tokens(engine, prefix)
    finally:
        engine.dispose()


def read_tokens(engine: Engine, prefix: str) -> list[MoodleToken]:
    """Return the plugin's tokens with owner, company and restrictions, oldest first.

    The company is the owner's one with the lowest id, as the plugin found it; one in which the owner is suspended in
    every department does not count, as in the sync. Raises SourceError, which says what to do.
    """
    require_usable(inspect_tokens(engine, prefix))
    with _connect(engine) as connection:
        rows = [dict(row) for row in connection.execute(_tokens(prefix)).mappings()]
        companies = _companies(connection, prefix)
    able = _services_with_the_function(engine, prefix)
    authorised: dict[tuple[int, int], Row] = {}
    if any(row["restrictedusers"] for row in rows):
        require_usable(inspect_tables(engine, prefix, AUTHORISED_COLUMNS))
        with _connect(engine) as connection:
            authorised = _authorised(connection, prefix)
    # `token` is not unique in Moodle, whose REST server takes the first row.
    firsts = {row["token"]: row for row in reversed(rows)}
    return [
        _token(row, companies, authorised, is_served=able is None or row["externalserviceid"] in able)
        for row in rows
        if firsts[row["token"]] is row
    ]


@contextmanager
def _connect(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise source_error(error, engine.url) from error


def _table(prefix: str, name: str) -> TableClause:
    return table(prefix + name, *(column(each) for each in ALL_COLUMNS[name]))


def _tokens(prefix: str) -> Select[*tuple[Any, ...]]:
    """Permanent tokens of the plugin's services. A token with a `sid` lives as long as a session of the web site."""
    tokens, services, users = (_table(prefix, name) for name in ("external_tokens", "external_services", "user"))
    token = tokens.c
    return (
        select(
            token.token, token.userid, token.externalserviceid, token.iprestriction, token.validuntil,
            token.timecreated, services.c.enabled, services.c.restrictedusers, users.c.username, users.c.auth,
            users.c.confirmed, users.c.deleted, users.c.suspended,
        )
        .select_from(tokens)
        .join(services, services.c.id == token.externalserviceid)
        .outerjoin(users, users.c.id == token.userid)
        .where(services.c.shortname.in_(SERVICES), token.tokentype == PERMANENT, token.token != "")
        .where(or_(token.sid.is_(None), token.sid == ""))
        .order_by(token.id)
    )  # fmt: skip


def _companies(connection: Connection, prefix: str) -> dict[int, int]:
    """The company of each owner of a token."""
    member = _table(prefix, "company_users").c
    tokens = _tokens(prefix).order_by(None).subquery()
    query = (
        select(member.userid, member.companyid)
        .where(member.userid.in_(select(tokens.c.userid)))
        .group_by(member.userid, member.companyid)
        .having(func.min(member.suspended) == 0)
        .order_by(member.userid, member.companyid.desc())
    )
    # Of several the last one stays, which is the lowest.
    return {int(userid): int(companyid) for userid, companyid in connection.execute(query)}


def _authorised(connection: Connection, prefix: str) -> dict[tuple[int, int], Row]:
    """Who may use which service, by (service, user)."""
    rows = connection.execute(select(_table(prefix, "external_services_users"))).mappings()
    return {(int(row["externalserviceid"]), int(row["userid"])): dict(row) for row in rows}


def _services_with_the_function(engine: Engine, prefix: str) -> frozenset[int] | None:
    """The services whose list has the plugin's function; None: the lists can't be read."""
    site = inspect_tables(engine, prefix, FUNCTION_COLUMNS)
    if site.missing_tables or site.missing_columns or site.refused_tables:
        return None
    functions = _table(prefix, "external_services_functions").c
    with _connect(engine) as connection:
        found = connection.scalars(select(functions.externalserviceid).where(functions.functionname == FUNCTION))
        return frozenset(int(each) for each in found)


def _token(
    row: Row, companies: Mapping[int, int], authorised: Mapping[tuple[int, int], Row], *, is_served: bool
) -> MoodleToken:
    grant = authorised.get((row["externalserviceid"], row["userid"])) if row["restrictedusers"] else None
    lists = [each["iprestriction"] for each in (row, grant) if each is not None]
    expiries = [each["validuntil"] for each in (row, grant) if each is not None and each["validuntil"]]
    is_authorised = grant is not None or not row["restrictedusers"]
    is_admitted = bool(row["enabled"]) and is_served and is_authorised
    state = _owner_state(row)
    return MoodleToken(
        token=row["token"],
        name=row["username"] or "",
        companyid=companies.get(row["userid"]),
        owner_userid=row["userid"],
        owner_state=OwnerState.REFUSED if state is OwnerState.ACTIVE and not is_admitted else state,
        allowed_networks=in_all_of(each for each in lists if each not in NO_RESTRICTION),
        created_at=row["timecreated"],
        expires_at=min(expiries, default=None),
    )


def _owner_state(row: Row) -> OwnerState:
    """What Moodle's REST server checks of the owner, in its order."""
    if row["deleted"] is None or row["deleted"]:
        return OwnerState.DELETED
    if not row["confirmed"]:
        return OwnerState.UNCONFIRMED
    if row["suspended"]:
        return OwnerState.SUSPENDED
    return OwnerState.NOLOGIN if row["auth"] == "nologin" else OwnerState.ACTIVE
