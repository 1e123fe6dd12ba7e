"""Moments as people write them on the command line: `2027-01-31`, `2027-01-31T18:00+01:00`, or from now on, `90d`."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}
DURATION = re.compile(r"([1-9][0-9]{0,5})([hdwy])")
HELP = "a date or time (2027-01-31, 2027-01-31T18:00; UTC unless an offset is given) or a duration (12h, 90d, 8w, 1y)"


class Moment(click.ParamType[int]):
    """An instant in epoch seconds. A date is its first second; a duration counts from now."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse it; whether the instant lies in the past is not judged here."""
        found = DURATION.fullmatch(value)
        try:
            if found is not None:
                return int((datetime.now(UTC) + int(found[1]) * UNITS[found[2]]).timestamp())
            moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no moment; write {HELP}", param, ctx)
        return int((moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp())
