"""How high the numbers among the settings may be, by what they count: each fits the calendar and the databases."""

from typing import Annotated

from pydantic import Field

MAX_DAYS = 36_500
"""A hundred years are for ever, and still a date that calendars and databases know."""
MAX_WAIT_S = 7 * 86_400
"""No process waits for another one, or works, for longer than a week."""
MAX_ANSWER_MS = 3_600_000
"""Calls are judged by the hour, which no mean of theirs reaches."""
MAX_COUNT = 1_000_000_000
"""A limit that nothing reaches. It fits an integer of 32 bits, as which databases are sent it."""
MAX_MB = 1_000_000
"""A terabyte."""

Days = Annotated[int, Field(le=MAX_DAYS)]
Hours = Annotated[float, Field(gt=0, le=MAX_DAYS * 24)]
Minutes = Annotated[int, Field(le=MAX_DAYS * 24 * 60)]
WaitS = Annotated[float, Field(le=MAX_WAIT_S)]
WholeWaitS = Annotated[int, Field(le=MAX_WAIT_S)]
AnswerMs = Annotated[float, Field(gt=0, le=MAX_ANSWER_MS)]
Percent = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(le=MAX_COUNT)]
Megabytes = Annotated[int, Field(ge=1, le=MAX_MB)]
