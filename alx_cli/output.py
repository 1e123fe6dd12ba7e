"""How the commands talk: tables and progress for a terminal, JSON for a program."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from alx_core.domain.bad_records import LAST_TIME
from alx_core.printable import printable, printable_lines

# Piped output is for a log or a file: no colour, and wide enough that a table's lines don't break.
PIPED_WIDTH = 160
TABLE_WIDTH = 110
"""A table is at least so wide: on a narrower terminal its lines break, lest its columns of text shrink to nothing."""

stdout = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)
stderr = Console(stderr=True, width=None if sys.stderr.isatty() else PIPED_WIDTH, highlight=False)


class SafeTable(Table):
    """A table whose cells are one line of printable text each: names from Moodle may have escape sequences in them."""

    def add_row(self, *cells: RenderableType | None, style: Any = None, end_section: bool = False) -> None:
        """Add a row. A cell that shall have lines comes from `lines`."""
        safe = (printable(each) if isinstance(each, str) else each for each in cells)
        super().add_row(*safe, style=style, end_section=end_section)


def lines(texts: Iterable[str]) -> Text:
    """Make a cell with a line for each text."""
    return Text(printable_lines("\n".join(texts)))


def print_json(value: Any) -> None:
    """Print one JSON document, times as epoch seconds."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")


def print_table(table: Table, console: Console = stdout) -> None:
    """Print a table, with all of its columns also on a terminal that is too narrow for them."""
    width = console.width
    console.width = max(width, TABLE_WIDTH)
    console.print(table)
    console.width = width


def make_table(title: str | None, left: Sequence[str], right: Sequence[str] = ()) -> Table:
    """Make a table: columns of text on the left, numbers to the right of them."""
    table = SafeTable(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def when(epoch_s: int | None) -> str:
    """Write an instant for people, in UTC; Moodle may hold some that no calendar knows."""
    if epoch_s is None:
        return "never"
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%d %H:%M:%S} UTC" if epoch_s <= LAST_TIME else "after 9999"


def ago(seconds: float) -> str:
    """Write a duration for people: `3 h 12 min`."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days} d", f"{hours} h", f"{minutes} min", f"{rest} s"]
    counts = [days, hours, minutes, rest]
    first = next((index for index, count in enumerate(counts) if count), 3)
    return " ".join(part for part, count in list(zip(parts, counts, strict=True))[first : first + 2] if count) or "0 s"
