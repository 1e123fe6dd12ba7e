"""What `make bench` writes: verdicts are right, old findings are kept, and text that people wrote is left alone."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report import Report
from results import add_findings, write_results

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
DOCUMENT = """# Results

<!-- floors -->
old
<!-- end -->

Said by \\1 people.

<!-- figures -->
<!-- end -->
And so on.
"""


def finding(command: str, value: float = 0.5, text: str = "### A table") -> dict[str, object]:
    """What a benchmark found."""
    floor = {"what": f"figure of {command}", "value": value, "limit": 0.8, "is_at_most": True, "unit": "s"}
    where = {"measured_at": "2026-11-29 06:00 UTC", "commit": "abc", "machine": "2 x CPU"}
    return {"command": command, **where, "text": text, "floors": [floor], "figures": []}


@given(value=st.floats(0, 1e9), limit=st.floats(0, 1e9))
def test_a_floor_is_reached_on_one_side_of_its_limit_and_at_it(value: float, limit: float) -> None:
    report = Report()
    report.at_most("small", value, limit)
    report.at_least("large", value, limit)
    small, large = report.floors
    assert small.is_reached == (value <= limit)
    assert large.is_reached == (value >= limit)
    assert ("missed" in small.verdict, "missed" in large.verdict) == (value > limit, value < limit)


def test_a_report_keeps_what_it_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.table("A title", ("one", "two"))
    report.row("1", "2")
    report.remark("So it is.")
    report.figures.append({"seconds": 1.5})
    report.at_least("speed", 61.7, 100, "MB")
    report.finish(tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    table = "### A title\n\n| one | two |\n| --- | --- |\n| 1 | 2 |\n\nSo it is."
    assert found["text"] == table
    assert found["figures"] == [{"seconds": 1.5}]
    assert found["floors"] == [{"what": "speed", "value": 61.7, "limit": 100, "is_at_most": False, "unit": "MB"}]
    printed = capsys.readouterr().out
    assert table in printed
    assert "- speed: 62 MB (at least 100 MB: **missed**)" in printed


def test_new_findings_take_the_place_of_old_ones_and_others_stay(tmp_path: Path) -> None:
    path, order = tmp_path / "results.json", ["a.py", "b.py", "c.py"]
    add_findings(path, [finding("b.py", 1), finding("a.py", 2), finding("gone.py", 3)], order)
    every = add_findings(path, [finding("c.py", 4), finding("b.py", 5)], order)
    assert [(each["command"], each["floors"][0]["value"]) for each in every] == [("a.py", 2), ("b.py", 5), ("c.py", 4)]
    assert json.loads(path.read_text()) == every


def test_only_what_lies_between_the_marks_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text(DOCUMENT)
    write_results(path, [finding("a.py", 0.5, text="### One \\1"), finding("b.py", 0.9)])
    first = path.read_text()
    assert "old" not in first
    assert "| figure of a.py | 0.50 s | at most 0.80 s | reached |" in first
    assert "| figure of b.py | 0.90 s | at most 0.80 s | **missed** |" in first
    assert "`python benchmarks/a.py`, 2026-11-29 06:00 UTC, commit abc, 2 x CPU\n\n### One \\1\n" in first
    assert first.startswith("# Results\n\n<!-- floors -->\n")
    assert "Said by \\1 people." in first
    assert first.endswith("<!-- end -->\nAnd so on.\n")
    write_results(path, [finding("a.py", 0.5, text="### One \\1"), finding("b.py", 0.9)])
    assert path.read_text() == first


def test_a_document_without_marks_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text("# Results\n\n<!-- floors -->\n<!-- end -->\n")
    with pytest.raises(ValueError, match="<!-- figures -->"):
        write_results(path, [finding("a.py")])
    assert path.read_text() == "# Results\n\n<!-- floors -->\n<!-- end -->\n"


def test_the_tables_of_the_project_are_those_of_its_figures(tmp_path: Path) -> None:
    """Nobody wrote into a part that `make bench` replaces, and no figure was left behind."""
    path = tmp_path / "RESULTS.md"
    path.write_text((BENCHMARKS / "RESULTS.md").read_text())
    write_results(path, json.loads((BENCHMARKS / "results.json").read_text()))
    assert path.read_text() == (BENCHMARKS / "RESULTS.md").read_text()
