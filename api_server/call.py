"""A call of Moodle's REST protocol, taken from a request: parameters, credentials, form of the answer.

Source: `webservice_rest_server::parse_request()` in Moodle's webservice/rest/locallib.php, and
`validate_param()` in lib/externallib.php.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alx_core.domain.plugin import FUNCTION
from api_server import faults

IGNORED = frozenset(
    {"moodlewssettingraw", "moodlewssettingfileurl", "moodlewssettingfilter", "moodlewssettinglang",
     "moodlewssettingtimezone"}
)  # fmt: skip
"""Parameters that Moodle takes out before it looks at a function's own."""

Header = Callable[[str], str | None]
"""A request's header by its name; None: it has none."""
NO_FUNCTION = ("", "0")
"""Both are `empty()` to PHP."""
OWN = frozenset({"wstoken", "wsfunction", "moodlewsrestformat"})
DEFAULT_LIMIT = 100

PHP_INT = re.compile(r"0|-?[1-9][0-9]*")
PHP_INT_MAX = 2**63 - 1
CORE_FUNCTION = re.compile(
    r"(auth|block|core|enrol|filter|format|gradereport|gradingform|local_iomad|local_email|media|message|mod|paygw"
    r"|plagiarism|qbank|quizaccess|report|tool|webservice)_[a-z0-9_]+"
)
"""Functions that a Moodle may well have: the token's service does not."""


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked, before anything is known of who asks."""

    token: str
    function: str
    is_json: bool
    arguments: Mapping[str, str]


def read_call(parameters: Mapping[str, str], header: Header) -> Call:
    """Take a call from parameters (query and form, form wins) and, where they hold no token, from headers.

    Token and function are looked up in columns, and those of MariaDB and MySQL (collation utf8mb4_unicode_ci) know no
    NUL bytes, no spaces at the end, and no case.
    """
    function = parameters.get("wsfunction", "").replace("\0", "")
    return Call(
        token=(parameters.get("wstoken") or token_of(header)).replace("\0", "").rstrip(" "),
        function=function.rstrip(" ").lower() or function,
        is_json=parameters.get("moodlewsrestformat") == "json",
        arguments={name: value for name, value in parameters.items() if name not in IGNORED | OWN},
    )


def token_of(header: Header) -> str:
    """Return the token from `Authorization: Bearer` or `Basic`; where that holds none, from `X-API-Key`."""
    return _authorization((header("Authorization") or "").strip()) or (header("X-API-Key") or "").strip()


def _authorization(value: str) -> str:
    """Return the token of an `Authorization` header: of `Basic` the password, else the user name."""
    scheme, _, credentials = value.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        user, _, password = base64.b64decode(credentials.strip(), validate=True).decode("utf-8").partition(":")
    except ValueError:  # no Base64, or no UTF-8 in it
        return ""
    return password or user


def check_function(call: Call) -> None:
    """Raise the fault for a function that is missing, unknown, or not in the token's service."""
    if call.function == FUNCTION:
        return
    if call.function in NO_FUNCTION:
        raise faults.invalid_parameter()
    raise faults.access_denied() if CORE_FUNCTION.fullmatch(call.function) else faults.unknown_function()


def read_arguments(call: Call) -> tuple[int, int]:
    """Return `limit` and `offset` as they were given. Raises the fault for anything else, or for what is no integer."""
    if call.arguments.keys() - {"limit", "offset"}:
        raise faults.invalid_parameter()
    return _integer(call.arguments.get("limit"), DEFAULT_LIMIT), _integer(call.arguments.get("offset"), 0)


def _integer(text: str | None, default: int) -> int:
    """PARAM_INT: a text that PHP's (int) gives back unchanged."""
    if text is None:
        return default
    if not PHP_INT.fullmatch(text) or len(text) > 20 or not -PHP_INT_MAX - 1 <= int(text) <= PHP_INT_MAX:
        raise faults.invalid_parameter()
    return int(text)
