"""What the commands print: instants that a calendar knows, and others; and nothing that takes a terminal over."""

import sqlite3
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from alx_cli.output import lines, make_table, print_table, when
from alx_core.domain.bad_records import LAST_TIME
from alx_core.printable import printable
from support.command import Command


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


HOSTILE = "\x1b]0;title\x07\x1b[2J\r\nAcme \x9b31m[bold]"
SHOWN = "?]0;title??[2J??Acme ?31m[bold]"


def cell_of(text: object) -> str:
    console = Console(file=StringIO(), width=200, color_system=None)
    table = make_table(None, ["Company"])
    table.add_row(text)
    print_table(table, console)
    return console.file.getvalue()


def test_a_cell_has_one_line_that_is_printable() -> None:
    assert [line.rstrip() for line in cell_of("a\x1b[31m\nb\x85").splitlines()] == ["Company", "a?[31m?b?"]


def test_spaces_and_joiners_of_names_stay() -> None:
    assert printable("L\u2019Oréal\u00a0SA \u0646\u200c\u0627") == "L\u2019Oréal\u00a0SA \u0646\u200c\u0627"
    assert printable("\u202e") == "?", "it turns the direction of what follows"


def test_a_cell_that_shall_have_lines_has_those_and_nothing_else() -> None:
    cell = cell_of(lines(["opened by slack: \x1b[2J", "[reminder] by email"]))
    assert [line.rstrip() for line in cell.splitlines()] == ["Company", "opened by slack: ?[2J", "[reminder] by email"]


def test_a_companys_name_out_of_moodle_sends_the_terminal_nothing(site_copy: Path, tmp_path: Path) -> None:
    with sqlite3.connect(site_copy) as connection:
        connection.execute("UPDATE mdl_company SET shortname = ?, name = ? WHERE id = 1", (HOSTILE, HOSTILE))
    connection.close()
    alx = Command(tmp_path / "home", ALX_MOODLE_URL=f"sqlite:///{site_copy}")
    said = {arguments: alx.run(*arguments) for arguments in (
        ("sync",), ("status",), ("company", "list"), ("token", "create", "--company", HOSTILE), ("token", "list"),
        ("sync", "--company", "not there"),
    )}  # fmt: skip
    for arguments, outcome in said.items():
        text = outcome.stdout + outcome.stderr
        assert SHOWN in text, arguments
        assert [each for each in text if each != "\n" and not each.isprintable()] == [], arguments
    names = {each["name"] for each in alx.run("company", "list", "--json").json}
    assert HOSTILE in names, "programs are told the name as it is"
