"""The one registry of the fields that are served: names, order, and where each comes from.

The order is that of the plugin's response (its `get_course_progress_returns()`): Moodle keeps it, so do reports.
"""

from dataclasses import dataclass
from enum import StrEnum


class FieldKind(StrEnum):
    """How a stored value becomes a served one."""

    NUMBER = "number"
    TEXT = "text"
    TIME_TEXT = "time_text"
    """Epoch seconds as `Y-m-d H:i:s` in ALX_TIMEZONE; 0 is the empty text."""
    PERCENTAGE = "percentage"
    """A number of 0 to 100; NULL is 0."""


@dataclass(frozen=True, slots=True)
class Field:
    """One served field. `column` is the reporting table's."""

    name: str
    column: str
    kind: FieldKind


FIELDS = (
    Field("userid", "userid", FieldKind.NUMBER),
    Field("firstname", "firstname", FieldKind.TEXT),
    Field("lastname", "lastname", FieldKind.TEXT),
    Field("email", "email", FieldKind.TEXT),
    Field("courseid", "courseid", FieldKind.NUMBER),
    Field("coursename", "coursename", FieldKind.TEXT),
    Field("timecompleted", "timecompleted", FieldKind.TIME_TEXT),
    Field("timecompleted_unix", "timecompleted", FieldKind.NUMBER),
    Field("timestarted", "timestarted", FieldKind.TIME_TEXT),
    Field("timestarted_unix", "timestarted", FieldKind.NUMBER),
    Field("percentage", "percentage", FieldKind.PERCENTAGE),
    Field("status", "status", FieldKind.TEXT),
)
"""In the order in which they are served."""

FIELD_NAMES = tuple(field.name for field in FIELDS)
