"""Pages as bytes: JSON that any reader takes, XML that any parser takes, whatever the learners are called."""

import json
from typing import Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.domain.fields import FIELD_NAMES
from api_server.rendering import format_percentage, render_json, render_xml

UTC = ZoneInfo("UTC")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def make_row(**overrides: Any) -> tuple[Any, ...]:
    """A row in the order of `store.pages.COLUMNS`."""
    row = {
        "userid": 7, "firstname": "Anna", "lastname": "Müller", "email": "anna@example.com", "courseid": 3,
        "coursename": "Fire & <Safety>", "timecompleted": 0, "timestarted": 1_790_000_000, "percentage": "66.67",
        "status": "in_progress",
    }  # fmt: skip
    return tuple({**row, **overrides}.values())


def test_a_row_has_the_fields_of_the_plugin_in_its_order() -> None:
    (row,) = json.loads(render_json([make_row()], (), UTC))
    assert tuple(row) == FIELD_NAMES
    assert (row["timecompleted"], row["timecompleted_unix"]) == ("", 0)
    assert (row["timestarted"], row["timestarted_unix"]) == ("2026-09-21 14:13:20", 1_790_000_000)


def test_a_hidden_field_is_absent_in_json_and_null_in_xml() -> None:
    (row,) = json.loads(render_json([make_row()], {"email", "percentage"}, UTC))
    assert set(FIELD_NAMES) - set(row) == {"email", "percentage"}
    keys = ET.fromstring(render_xml([make_row()], {"email", "percentage"}, UTC)).iter("KEY")  # noqa: S314  # our own
    values = {key.attrib["name"]: key[0].attrib.get("null") for key in keys}
    assert list(values) == list(FIELD_NAMES)
    assert {name for name, null in values.items() if null} == {"email", "percentage"}


def test_all_fields_hidden_leaves_as_many_empty_objects_as_rows() -> None:
    assert json.loads(render_json([make_row(), make_row()], FIELD_NAMES, UTC)) == [{}, {}]


@pytest.mark.parametrize("render", [render_json, render_xml])
def test_no_rows_are_an_empty_list(render: Any) -> None:
    text = render([], (), UTC)
    assert text in (
        b"[]",
        b'<?xml version="1.0" encoding="UTF-8" ?>\n<RESPONSE>\n<MULTIPLE>\n</MULTIPLE>\n</RESPONSE>\n',
    )


@given(texts, texts)
def test_json_gives_back_every_text(firstname: str, coursename: str) -> None:
    (row,) = json.loads(render_json([make_row(firstname=firstname, coursename=coursename)], (), UTC))
    assert (row["firstname"], row["coursename"]) == (firstname, coursename)


@given(texts, texts)
def test_xml_can_be_parsed_whatever_the_text(firstname: str, email: str) -> None:
    root = ET.fromstring(render_xml([make_row(firstname=firstname, email=email)], (), UTC))  # noqa: S314  # our own
    values = {key.attrib["name"]: key[0].text or "" for key in root.iter("KEY")}
    if firstname.isprintable():
        assert values["firstname"] == firstname
    assert len(values["email"]) == len(email.replace("\r\n", "\n"))


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        (None, "0"),
        ("0.00", "0"),
        ("100.00", "100"),
        ("100.0", "100"),
        ("66.67", "66.67"),
        ("14.29", "14.29"),
        ("0.01", "0.01"),
    ],
)
def test_a_percentage_is_written_as_php_writes_it(stored: str | None, sent: str) -> None:
    assert json.dumps(format_percentage(stored)) == sent
