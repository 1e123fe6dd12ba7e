"""Parameters of a request as Moodle sees them: query and form, the form wins; of equal names the last one.

Source: `webservice_rest_server::parse_request()`: `array_merge($_GET, $_POST)`; for names, PHP's
`php_register_variable_ex()` in main/php_variables.c.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from io import BytesIO
from typing import BinaryIO, cast
from urllib.parse import parse_qsl

import falcon
from gunicorn.http.errors import ParseException
from multipart import MultipartError, MultipartParser, parse_options_header

MAX_BODY_BYTES = 64 * 1024
MAX_PARAMETERS = 200
SHORT = 512
"""Characters of a query or form that is remembered: a report asks for the same pages again and again."""
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
END_OF_TYPE = re.compile(r"[;, ]")
NOT_IN_NAMES = str.maketrans(" .[", "___")
NO_MULTIPART = (
    "The form could not be read as multipart/form-data: it needs the boundary that its Content-Type names, parts with "
    "a name, line ends of CR LF, and an end."
)
ARRAY = "Array"
"""What PHP writes for an array: no number, no format, nobody's token, and no function."""


def read_parameters(req: falcon.Request) -> Mapping[str, str]:
    """Return all parameters. Raises falcon's 400 for a form that can't be read and 413 for one that is too large."""
    parameters = _pairs(req.query_string)
    if req.method != "POST":
        return parameters
    kind = END_OF_TYPE.split((req.content_type or "").strip(), maxsplit=1)[0].lower()
    if kind == MULTIPART:
        return {**parameters, **_multipart(req)}
    body = _body(req)
    return {**parameters, **_pairs(body.decode("utf-8", "replace"))} if kind == FORM else parameters


def _pairs(text: str) -> Mapping[str, str]:
    return _short_pairs(text) if len(text) <= SHORT else _read_pairs(text)


@lru_cache(maxsize=1024)
def _short_pairs(text: str) -> Mapping[str, str]:
    return _read_pairs(text)


def _read_pairs(text: str) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise falcon.HTTPBadRequest(
            description=f"The request has more than {MAX_PARAMETERS} parameters. The function takes limit and offset."
        ) from None
    return _as_moodle_has_them(pairs)


def _as_moodle_has_them(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    named = ((*_php_name(name), value) for name, value in pairs)
    return {name: ARRAY if is_array else value for name, is_array, value in named if name}


def _php_name(text: str) -> tuple[str, bool]:
    """Return the name of PHP's variable, and whether it is an array. Without a name there is none."""
    text = text.partition("\0")[0].lstrip(" ")
    name, _, index = text.partition("[")
    is_array = "]" in index
    return (name if is_array or not name else text).translate(NOT_IN_NAMES), is_array


def _body(req: falcon.Request) -> bytes:
    if (req.content_length or 0) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        body = bytes(_stream(req).read(MAX_BODY_BYTES + 1))
    except (OSError, ValueError, ParseException):  # the client stopped sending, or its chunks are no chunks
        raise falcon.HTTPBadRequest(description="The body could not be read: it came in part, or not at all.") from None
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    return body


def _too_large() -> falcon.HTTPContentTooLarge:
    return falcon.HTTPContentTooLarge(description=f"The body is larger than {MAX_BODY_BYTES // 1024} kB. Send a form.")


def _stream(req: falcon.Request) -> BinaryIO:
    """The body, also one in chunks, which has no length: gunicorn's stream knows its end, falcon's bound would be 0."""
    stream = req.stream if req.env.get("wsgi.input_terminated") else req.bounded_stream
    return cast("BinaryIO", stream)


def _multipart(req: falcon.Request) -> dict[str, str]:
    body = _body(req)
    _, options = parse_options_header(req.content_type or "")
    try:
        form = MultipartParser(BytesIO(body), options["boundary"], part_limit=MAX_PARAMETERS)
        # A part with a file name, were it empty, is a file and no parameter.
        fields = [(part.name, part.raw) for part in form if part.filename is None]
    except (KeyError, MultipartError):
        raise falcon.HTTPBadRequest(description=NO_MULTIPART) from None
    return _as_moodle_has_them((name, value.decode("utf-8", "replace")) for name, value in fields)
