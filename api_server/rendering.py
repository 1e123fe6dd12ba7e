"""Rows and faults as Moodle's REST server writes them: JSON or XML.

Source: `webservice_rest_server::send_response()`, `xmlize_result()` and `generate_error()` in Moodle's
webservice/rest/locallib.php.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import orjson

from alx_core.domain.fields import FIELDS, Field, FieldKind
from alx_core.store.pages import COLUMNS
from api_server.faults import MoodleFault

JSON_TYPE = "application/json"
XML_TYPE = "application/xml; charset=utf-8"
XML_HEAD = '<?xml version="1.0" encoding="UTF-8" ?>\n'

Record = dict[str, Any]


def render_json(rows: Sequence[Any], hidden: Collection[str], zone: ZoneInfo) -> bytes:
    """Write rows as an array of flat objects; hidden fields are left out."""
    shown = [(field.name, COLUMNS.index(field.column), _formatter(field, zone)) for field in _shown(hidden)]
    return orjson.dumps([{name: write(row[index]) for name, index, write in shown} for row in rows])


def render_xml(rows: Sequence[Any], hidden: Collection[str], zone: ZoneInfo) -> bytes:
    """Write rows as Moodle's XML: every field is there, a hidden one as null."""
    writers = [
        (field.name, COLUMNS.index(field.column), None if field.name in hidden else _formatter(field, zone))
        for field in FIELDS
    ]
    parts = [XML_HEAD, "<RESPONSE>\n<MULTIPLE>\n"]
    for row in rows:
        parts.append("<SINGLE>\n")
        for name, index, write in writers:
            value = '<VALUE null="null"/>' if write is None else f"<VALUE>{xml_text(str(write(row[index])))}</VALUE>"
            parts.append(f'<KEY name="{name}">{value}\n</KEY>\n')
        parts.append("</SINGLE>\n")
    parts.append("</MULTIPLE>\n</RESPONSE>\n")
    return "".join(parts).encode()


def render_fault(fault: MoodleFault, *, is_json: bool) -> bytes:
    """Write an error."""
    if is_json:
        return orjson.dumps({"exception": fault.exception, "errorcode": fault.errorcode, "message": fault.message})
    return (
        f'{XML_HEAD}<EXCEPTION class="{fault.exception}">\n<ERRORCODE>{xml_text(fault.errorcode)}</ERRORCODE>\n'
        f"<MESSAGE>{xml_text(fault.message)}</MESSAGE>\n</EXCEPTION>\n"
    ).encode()


def xml_text(text: str) -> str:
    """Escape a text; characters that XML 1.0 does not know become U+FFFD, or no reader could parse the page."""
    clean = text if text.isprintable() else "".join(each if _is_xml(each) else "\ufffd" for each in text)
    return escape(clean, {'"': "&quot;"})  # PHP's ENT_COMPAT: single quotes stay


def _is_xml(character: str) -> bool:
    code = ord(character)
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def _shown(hidden: Collection[str]) -> list[Field]:
    return [field for field in FIELDS if field.name not in hidden]


def _formatter(field: Field, zone: ZoneInfo) -> Callable[[Any], Any]:
    match field.kind:
        case FieldKind.TIME_TEXT:
            return lambda epoch_s: format_time(epoch_s, zone)
        case FieldKind.PERCENTAGE:
            return format_percentage
        case _:
            return lambda value: value


def format_time(epoch_s: int, zone: ZoneInfo) -> str:
    """Write epoch seconds as PHP's `Y-m-d H:i:s` in a zone; 0 (none) is the empty text."""
    return datetime.fromtimestamp(epoch_s, zone).strftime("%Y-%m-%d %H:%M:%S") if epoch_s else ""


def format_percentage(percentage: float | None) -> float | int:
    """Write a percentage as PHP's json_encode does: 100, not 100.0; NULL is 0."""
    if not percentage:
        return 0
    return int(percentage) if percentage == int(percentage) else round(percentage, 2)
