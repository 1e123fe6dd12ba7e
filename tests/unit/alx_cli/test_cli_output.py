"""What the commands print: instants that a calendar knows, and others."""

from io import StringIO

import pytest
from rich.console import Console

from alx_cli.output import make_table, print_table, when
from alx_core.domain.bad_records import LAST_TIME


def test_an_instant_that_no_calendar_knows_is_printed_all_the_same() -> None:
    assert [when(None), when(0), when(LAST_TIME), when(1_795_800_000_000)] == [
        "never", "1970-01-01 00:00:00 UTC", "9999-12-31 23:59:59 UTC", "after 9999",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_narrow_terminal_takes_no_column_of_a_table_away(width: int) -> None:
    """At 60 columns `alx status` showed numbers alone: neither when a sync began nor that it failed."""
    console = Console(file=StringIO(), force_terminal=True, width=width, color_system=None)
    table = make_table(None, ["Sync", "Started", "Kind", "Status"], ["Seconds", "Processed", "Created", "Errors"])
    table.add_row("7", "2026-11-29 09:13:19 UTC", "hourly", "interrupted", "0.8", "1,494", "1,494", "0")
    with console.capture() as written:
        print_table(table, console)
        console.print("word " * 50)
    lines = written.get().splitlines()
    assert {"Status", "hourly", "interrupted"} <= {word for line in lines[:2] for word in line.split()}
    assert max(len(line.rstrip()) for line in lines[2:]) <= width, "a sentence is as wide as the terminal"
