"""The findings of all benchmarks in one place: `results.json`, and the tables of `RESULTS.md` made from it.

`RESULTS.md` is written by people but for the parts between two marks, which `make bench` replaces:

    <!-- floors --> the floors of design.md, 7, each beside what was measured <!-- end -->
    <!-- figures --> the tables of each benchmark, with the command that made them <!-- end -->

A benchmark that did not run this time keeps its older findings, which say when and where they were made.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from report import Floor

Finding = Mapping[str, Any]
"""What Report.finish wrote, and `command`, `measured_at`, `commit`, `machine`."""

MARKED = r"(<!-- {name} -->\n).*?(<!-- end -->)"


def add_findings(path: Path, new: Sequence[Finding], order: Sequence[str]) -> list[Finding]:
    """Put new findings in the place of older ones of the same command; return all, those of `order` alone."""
    found = {each["command"]: each for each in _read(path)} | {each["command"]: each for each in new}
    every = [found[command] for command in order if command in found]
    path.write_text(json.dumps(every, indent=1) + "\n")
    return every


def write_results(path: Path, findings: Sequence[Finding]) -> None:
    """Replace the marked parts of the document at `path`. Raises ValueError: it has no such marks."""
    text = path.read_text()
    for name, part in (("floors", _floors(findings)), ("figures", _figures(findings))):
        text, count = re.subn(
            MARKED.format(name=name), lambda marks, part=part: f"{marks[1]}{part}{marks[2]}", text, flags=re.DOTALL
        )
        if count != 1:
            raise ValueError(f"{path} needs one part between <!-- {name} --> and <!-- end -->; it has {count}")
    path.write_text(text)


def _read(path: Path) -> list[Finding]:
    return json.loads(path.read_text()) if path.exists() else []


def _floors(findings: Sequence[Finding]) -> str:
    floors = [Floor(**each) for finding in findings for each in finding["floors"]]
    rows = [f"| {each.what} | {each.measured} | {each.bound} | {each.verdict} |" for each in floors]
    return "\n".join(("| what | measured | floor | |", "|---|---|---|---|", *rows)) + "\n"


def _figures(findings: Sequence[Finding]) -> str:
    return "\n".join(
        f"\n`python benchmarks/{each['command']}`, {each['measured_at']}, commit {each['commit']}, {each['machine']}"
        f"\n\n{each['text']}\n"
        for each in findings
    )
