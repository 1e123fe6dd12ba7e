"""From a driver's error to a SourceError that says what to do."""

import re
from urllib.parse import quote, quote_plus, unquote

from sqlalchemy.engine import URL

from alx_core.errors import (
    SourceAccessDenied,
    SourceError,
    SourceSchemaError,
    SourceUnreachable,
)
from alx_core.store.engine import shown
from alx_pipeline.moodle.limits import LOCK_TIMEOUT_S, STATEMENT_TIMEOUT_S

# MariaDB and MySQL: errno; PostgreSQL: SQLSTATE. SQLite has only texts.
ACCESS_CODES = {
    "1044", "1045", "1130", "1142", "1143", "1698", "1820", "1862", "3118", "4151", "28000", "28P01", "42501",
}  # fmt: skip
SCHEMA_CODES = {"1049", "1054", "1146", "3D000", "42P01", "42703"}
LOCKED_CODES = {"1205", "55P03"}
TOO_LONG_CODES = {"1969", "3024"}
TOO_LONG_TEXT = "statement timeout"
"""PostgreSQL's code is that of whatever cancels a statement."""
ACCESS_TEXTS = (
    "access denied", "authentication failed", "permission denied", "no password supplied", "no pg_hba.conf entry",
)  # fmt: skip
REFUSED_ROLE = re.compile(r'role ".*" (does not exist|is not permitted to log in)')
STANDBY_CONFLICT = "conflict with recovery"
"""PostgreSQL's standby takes over what the primary vacuumed, though a read may need it still: 30 s after it came."""
TLS_TEXT = re.compile(r"\bssl\b|\btls|certificate|insecure transport|secure connection")
SCHEMA_TEXTS = ("no such table", "no such column", "does not exist", "unknown database", "unknown column")


def source_error(error: BaseException, url: URL) -> SourceError:
    """Translate an error of any of the drivers. The password never gets into the message."""
    cause = _root(error)
    text = _without_password(" ".join(str(cause).split()).rstrip(".") or type(cause).__name__, url)
    where = describe(url)
    code = _code(cause)
    lowered = text.lower()
    if code in ACCESS_CODES or any(each in lowered for each in ACCESS_TEXTS) or REFUSED_ROLE.search(lowered):
        return SourceAccessDenied(
            f"Moodle's database {where} refused: {text}. Check user and password in ALX_MOODLE_URL, and that the "
            "user has SELECT on the tables that docs/operations.md lists."
        )
    if code in SCHEMA_CODES or any(each in lowered for each in SCHEMA_TEXTS):
        return SourceSchemaError(
            f"Moodle's database {where} lacks something: {text}. Check the database's name in ALX_MOODLE_URL and "
            "ALX_MOODLE_PREFIX."
        )
    return SourceUnreachable(f"Moodle's database {where} {_away(code, text, url)}")


def _away(code: str, text: str, url: URL) -> str:
    """Say why nothing could be read this time."""
    lowered = text.lower()
    if TLS_TEXT.search(lowered):
        names = "ssl-mode and ssl-ca" if url.get_backend_name() == "mysql" else "sslmode and sslrootcert"
        return (
            f"can't be talked to over TLS as asked for: {text}. Check {names} in ALX_MOODLE_URL (docs/operations.md) "
            "and the server's certificate."
        )
    if STANDBY_CONFLICT in lowered:
        return (
            f"is a standby and broke a read off: {text}. Set hot_standby_feedback = on there, or let ALX_MOODLE_URL "
            "name the primary; the next sync catches up by itself."
        )
    if code in LOCKED_CODES:
        return (
            f"kept a table locked for more than {LOCK_TIMEOUT_S} s, as it does while Moodle is upgraded: {text}. "
            "Nothing was changed; the next sync catches up by itself. Where nobody upgrades it, look who holds the "
            "lock, or let ALX_MOODLE_URL name a replica."
        )
    if code in TOO_LONG_CODES or TOO_LONG_TEXT in lowered:
        return (
            f"worked for more than {STATEMENT_TIMEOUT_S} s on one statement, and was let off: {text}. Nothing was "
            "changed; the next sync catches up by itself. Is the server busy? ALX_MOODLE_URL may name a replica."
        )
    return f"did not answer: {text}. Check ALX_MOODLE_URL and that the server runs; the next sync catches up by itself."


def describe(url: URL) -> str:
    """Return the URL as people may see it: of a file its path alone."""
    if url.get_backend_name() == "sqlite":
        database = str(url.database)
        return unquote(database.removeprefix("file:")) if database.startswith("file:") else database
    return shown(url)


def _root(error: BaseException) -> BaseException:
    return getattr(error, "orig", None) or error


def _code(error: BaseException) -> str:
    if error.args and isinstance(error.args[0], int):  # MariaDB and MySQL
        return str(error.args[0])
    state = getattr(error, "sqlstate", None)
    if state:
        return str(state)
    found = re.search(r"ERROR (\d{4}) \(", str(error))  # connectorx: MySqlError { ERROR 1045 (28000): ... }
    return found.group(1) if found else ""


def _without_password(text: str, url: URL) -> str:
    """Blot the password out as it was written and as a URL escapes it: a driver may quote either."""
    if not url.password:
        return text
    password = str(url.password)
    for written in sorted({password, quote(password, safe=""), quote_plus(password), quote(password)}, key=len):
        text = text.replace(written, "***")
    return text
