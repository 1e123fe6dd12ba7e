"""What the commands print: instants that a calendar knows, and others."""

from alx_cli.output import when
from alx_core.domain.bad_records import LAST_TIME


def test_an_instant_that_no_calendar_knows_is_printed_all_the_same() -> None:
    assert [when(None), when(0), when(LAST_TIME), when(1_795_800_000_000)] == [
        "never", "1970-01-01 00:00:00 UTC", "9999-12-31 23:59:59 UTC", "after 9999",
    ]  # fmt: skip
