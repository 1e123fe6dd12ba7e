"""Is this a Moodle that can be synced? Every table and column that the sync reads, looked at one by one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, column, func, inspect, select, table
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from alx_core.domain.progress import SNAPSHOT_COLUMNS
from alx_core.errors import SourceAccessDenied, SourceEmpty, SourceError, SourceSchemaError
from alx_core.store.engine import is_encrypted
from alx_pipeline.moodle.failures import describe, source_error
from alx_pipeline.moodle.mysql import is_tls_socket
from alx_pipeline.moodle.queries import REQUIRED_TABLES, AnySelect

NEVER_EMPTY = ("user", "course", "company")
"""Tables that hold something on every IOMAD site. Without them the sync would delete everything it knows."""


@dataclass(slots=True)
class Site:
    """What was found. Names are without prefix."""

    where: str
    prefix: str
    is_mariadb: bool = False
    is_encrypted: bool | None = None
    """Whether the connection is; None: a file has none."""
    has_modules: bool = False
    missing_tables: list[str] = field(default_factory=list)
    missing_columns: list[str] = field(default_factory=list)
    refused_tables: list[str] = field(default_factory=list)
    empty_tables: list[str] = field(default_factory=list)
    grants: str = ""
    """The statements that let the user read what it may not."""
    other_prefixes: list[str] = field(default_factory=list)
    other_schemas: list[str] = field(default_factory=list)


def inspect_site(engine: Engine, prefix: str) -> Site:
    """Look at Moodle's tables. Raises SourceUnreachable, SourceAccessDenied or SourceSchemaError (no such database)."""
    site = inspect_tables(engine, prefix, {name: tuple(SNAPSHOT_COLUMNS[name]) for name in REQUIRED_TABLES})
    with _guarding(engine), engine.connect() as connection:
        site.has_modules = _try(connection, site, "modules", tuple(SNAPSHOT_COLUMNS["modules"])) is None
    return site


def inspect_tables(engine: Engine, prefix: str, columns: Mapping[str, Sequence[str]]) -> Site:
    """Look at some of Moodle's tables, each with its columns. Raises as `inspect_site` does."""
    with _guarding(engine), engine.connect() as connection:
        site = Site(where=describe(engine.url), prefix=prefix)
        site.is_mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
        is_mysql = connection.dialect.name in ("mysql", "mariadb")
        site.is_encrypted = is_tls_socket(connection) if is_mysql else is_encrypted(connection)
        for name, wanted in columns.items():
            _look_at_table(connection, site, name, wanted)
        if site.refused_tables:
            site.grants = _grants(connection, [prefix + name for name in site.refused_tables])
        if site.missing_tables:
            site.other_prefixes = [each for each in _prefixes(inspect(connection).get_table_names()) if each != prefix]
            site.other_schemas = _schemas(connection, prefix + site.missing_tables[0])
        return site


@contextmanager
def _guarding(engine: Engine) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise source_error(error, engine.url) from error


def require_usable(site: Site) -> None:
    """Raise the error for the first thing that is wrong with the site: missing, refused, or empty."""
    if site.missing_tables or site.missing_columns:
        raise SourceSchemaError(_missing(site))
    if site.refused_tables:
        names = _named(site, site.refused_tables)
        raise SourceAccessDenied(f"The user of {site.where} may not read {names}. {grant_hint(site)}")
    if site.empty_tables:
        raise SourceEmpty(
            f"Moodle's {_named(site, site.empty_tables)} on {site.where} hold no rows. Nothing was changed. "
            "Are the database and ALX_MOODLE_PREFIX right, and is there at least one company (IOMAD)?"
        )


def grant_hint(site: Site) -> str:
    """Say how to give the database user what it needs, and nothing more."""
    return f"Let an administrator of the database run: {site.grants}"


def missing_hint(site: Site) -> str:
    """Say where to look for tables or columns that are not there."""
    if site.other_prefixes:
        return (
            f"There are Moodle tables with prefix {', '.join(map(repr, site.other_prefixes))}: set ALX_MOODLE_PREFIX."
        )
    if site.other_schemas:
        return (
            f"Schema {', '.join(map(repr, site.other_schemas))} has such tables: end ALX_MOODLE_URL with "
            f"?options=-csearch_path%3D{site.other_schemas[0]}."
        )
    if not site.missing_tables:
        return "The tables are there: is this a version of Moodle or IOMAD that is older, or newer, than this knows?"
    return "Check the database in ALX_MOODLE_URL and ALX_MOODLE_PREFIX; company tables come with IOMAD."


def _missing(site: Site) -> str:
    parts = []
    if site.missing_tables:
        parts.append(f"no table {_named(site, site.missing_tables)}")
    if site.missing_columns:
        parts.append(f"no column {_named(site, site.missing_columns)}")
    return f"{site.where} has {' and '.join(parts)}. {missing_hint(site)}"


def _named(site: Site, names: Iterable[str]) -> str:
    return ", ".join(site.prefix + name for name in names)


def _look_at_table(connection: Connection, site: Site, name: str, columns: Sequence[str]) -> None:
    error = _try(connection, site, name, columns)
    if error is None:
        if name in NEVER_EMPTY and connection.execute(_select(site, name, columns[:1]).limit(1)).first() is None:
            site.empty_tables.append(name)
    elif isinstance(error, SourceAccessDenied):
        site.refused_tables.append(name)
    elif isinstance(error, SourceSchemaError):
        _look_for_columns(connection, site, name, columns)
    else:
        raise error


def _look_for_columns(connection: Connection, site: Site, name: str, columns: Sequence[str]) -> None:
    try:
        found = {each["name"] for each in inspect(connection).get_columns(site.prefix + name)}
    except NoSuchTableError:
        site.missing_tables.append(name)
        return
    site.missing_columns += [f"{name}.{each}" for each in columns if each not in found]


def _try(connection: Connection, site: Site, name: str, columns: Sequence[str]) -> SourceError | None:
    """Select the columns of a table: the only way to know that they are there and may be read.

    No row is fetched: its texts may be none (SQLite lets bytes in), and that is for the rules to judge.
    """
    # A failed statement ends PostgreSQL's transaction, unless it has a savepoint of its own.
    savepoint = connection.begin_nested() if connection.dialect.name == "postgresql" else nullcontext()
    try:
        with savepoint:
            connection.execute(_select(site, name, columns).limit(0)).first()
    except SQLAlchemyError as error:
        return source_error(error, connection.engine.url)
    return None


def _select(site: Site, name: str, columns: Sequence[str]) -> AnySelect:
    return select(*(column(each) for each in columns)).select_from(table(site.prefix + name))


def _grants(connection: Connection, names: Sequence[str]) -> str:
    """The statements by which the user may read these tables. MariaDB's and MySQL's user is known by its host too."""
    user = str(connection.scalar(select(func.current_user())))
    if connection.dialect.name == "postgresql":
        tables, account = ", ".join(_quoted(name, '"') for name in names), _quoted(user, '"')
        return f"GRANT SELECT ON {tables} TO {account};"
    database = _quoted(str(connection.engine.url.database), "`")
    account = "@".join(_quoted(part, "`") for part in user.rsplit("@", 1))
    return " ".join(f"GRANT SELECT ON {database}.{_quoted(name, '`')} TO {account};" for name in names)


def _quoted(name: str, mark: str) -> str:
    """As a person pastes it: SQLAlchemy's quoting is for a driver, and doubles a percent sign."""
    return f"{mark}{name.replace(mark, 2 * mark)}{mark}"


def _schemas(connection: Connection, name: str) -> list[str]:
    """PostgreSQL's schemas that have a table of this name; the search path decides which ones are looked into."""
    if connection.dialect.name != "postgresql":
        return []
    tables = table("tables", column("table_schema"), column("table_name"), schema="information_schema")
    query = select(tables.c.table_schema).where(tables.c.table_name == name).order_by(tables.c.table_schema)
    return list(connection.scalars(query))


def _prefixes(tables: Iterable[str]) -> list[str]:
    """Prefixes under which both a `company_users` and a `user_enrolments` stand."""
    names = set(tables)
    ends = "company_users"
    return sorted(
        prefix
        for prefix in (name.removesuffix(ends) for name in names if name.endswith(ends))
        if f"{prefix}user_enrolments" in names
    )
