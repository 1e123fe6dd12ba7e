"""What is noted of a bad record. Apart from the search for them, which needs polars: the API loads this too."""

from dataclasses import dataclass
from enum import StrEnum

LAST_TIME = 253_402_300_799
"""9999-12-31T23:59:59Z, the last second that has a four-digit year. Beyond it a time is milliseconds or noise."""


class Reason(StrEnum):
    """Why a record is bad."""

    NOT_A_NUMBER = "not_a_number"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    NUL_IN_TEXT = "nul_in_text"


@dataclass(frozen=True, slots=True)
class BadRecord:
    """One record that was refused. Ids only: a name or an address never leaves the record."""

    table: str
    column: str
    reason: Reason
    userid: int | None
    courseid: int | None
    companyid: int | None
