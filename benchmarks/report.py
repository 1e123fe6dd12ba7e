"""What a benchmark found: printed as Markdown while it goes on, kept as JSON for `make bench` (results.py)."""

import json
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Floor:
    """A target of design.md, 7, and what was measured; `limit` is the most that may be, or the least that must."""

    what: str
    value: float
    limit: float
    is_at_most: bool
    unit: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether the figure is on the right side of its limit."""
        return self.value <= self.limit if self.is_at_most else self.value >= self.limit

    @property
    def measured(self) -> str:
        """The figure as it is shown."""
        return shown(self.value, self.unit)

    @property
    def bound(self) -> str:
        """The limit as it is shown."""
        return f"{'at most' if self.is_at_most else 'at least'} {shown(self.limit, self.unit)}"

    @property
    def verdict(self) -> str:
        """In one word."""
        return "reached" if self.is_reached else "**missed**"


@dataclass(slots=True)
class Report:
    """One benchmark's findings: `text` is Markdown, `figures` are the numbers behind it, whatever they are."""

    lines: list[str] = field(default_factory=list)
    floors: list[Floor] = field(default_factory=list)
    figures: list[Mapping[str, Any]] = field(default_factory=list)

    def table(self, title: str, columns: Sequence[str]) -> None:
        """Begin a table; what `row` is given next are its rows."""
        self._say("", f"### {title}", "", _row(columns), _row(["---"] * len(columns)))

    def row(self, *cells: str) -> None:
        """Add a row to the table that was begun last."""
        self._say(_row(cells))

    def remark(self, text: str) -> None:
        """Add a paragraph."""
        self._say("", text)

    def at_most(self, what: str, value: float, limit: float, unit: str = "") -> None:
        """Judge a figure that should be small."""
        self.floors.append(Floor(what, value, limit, is_at_most=True, unit=unit))

    def at_least(self, what: str, value: float, limit: float, unit: str = "") -> None:
        """Judge a figure that should be large."""
        self.floors.append(Floor(what, value, limit, is_at_most=False, unit=unit))

    def finish(self, path: Path | None) -> None:
        """Print the verdicts, and write everything to `path`."""
        if self.floors:
            print("\nFloors of design.md, 7:")
        for each in self.floors:
            print(f"- {each.what}: {each.measured} ({each.bound}: {each.verdict})")
        if path:
            found = {"text": "\n".join(self.lines).strip(), "floors": [asdict(each) for each in self.floors]}
            path.write_text(json.dumps({**found, "figures": self.figures}, indent=1) + "\n")

    def _say(self, *lines: str) -> None:
        self.lines += lines
        print(*lines, sep="\n", flush=True)


def shown(value: float, unit: str) -> str:
    """A figure with the digits that mean something."""
    digits = 2 if value < 10 else 0
    return f"{value:,.{digits}f}{' ' if unit.isalpha() else ''}{unit}"


def json_option(parser: ArgumentParser) -> None:
    """Let the findings be written to a file."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings to FILE, too")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
