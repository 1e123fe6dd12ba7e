"""The recorded traffic of the real endpoint, replayed against ours: over HTTP, over the real site, with its tokens.

A recording of kind `contract` agrees in status, content type and form of the body; the rows themselves differ where the
plugin lost or miscounted them. One of kind `defect` does what its `ours` says.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from alx_core.domain.fields import FIELD_NAMES
from support.api import COMPANY_IDS, Api, bring_tokens, set_company
from support.pipeline import Pipeline
from support.site import AS_OF, expected_rows

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent.parent / "fixtures" / "protocol"
RECORDINGS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
RESTORE = "UPDATE mdl_external_tokens SET validuntil = :validuntil, iprestriction = :iprestriction WHERE id = :id"
HIDDEN = ("email", "timecompleted_unix")
"""What was switched off for `33_fields_hidden`."""

BEFORE: dict[str, dict[str, Any]] = {
    "33_fields_hidden": {"company": ("delta", {f"field_{name}": 0 for name in HIDDEN})},
    "35_expired_token": {"moodle": "UPDATE mdl_external_tokens SET validuntil = 1795000000"},
    "40_rate_limit_3_request_1": {"company": ("gamma", {"rate_limit": 3})},
    "52_ip_restricted_token": {"moodle": "UPDATE mdl_external_tokens SET iprestriction = '10.11.12.13'"},
    "58_poison_invalid_email": {"sync": "UPDATE mdl_user SET email = 'not-an-email' WHERE id = 233"},
}
"""What was changed for a recording, and is changed back after it."""
TYPES = {"userid": int, "courseid": int, "timecompleted_unix": int, "timestarted_unix": int, "percentage": (int, float)}


class Replay:
    """The real site behind a running API."""

    def __init__(self, folder: Path, moodle: URL, reporting: URL) -> None:
        self.moodle = create_engine(moodle)
        self.pipeline = Pipeline.over(moodle, reporting, home=folder)
        self.pipeline.rebuild()
        self.api = Api(folder / "api", reporting, {"ALX_TIMEZONE": "Europe/London"})
        self.bring_tokens()

    def bring_tokens(self) -> None:
        bring_tokens(self.moodle.url, self.pipeline.reporting, now=AS_OF)

    def edit(self, statement: str) -> None:
        self.pipeline.edit(statement)

    def prepare(self, *, company: Any = None, moodle: str = "", sync: str = "") -> None:
        if company is not None:
            set_company(self.pipeline.reporting, COMPANY_IDS[company[0]], **company[1])
        if moodle:
            self.edit(moodle)
            self.bring_tokens()
        if sync:
            self.edit(sync)
            self.pipeline.rebuild()

    def send(self, recording: dict[str, Any]) -> httpx.Response:
        request = recording["request"]
        path = request["path"] + (f"?{request['query']}" if request["query"] else "")
        with self.api.client() as client:
            return client.request(
                request["method"], path, headers=request["headers"], content=(request["body"] or "").encode()
            )


@pytest.fixture
def replay(site_copy: Path, reporting_url: URL, tmp_path: Path) -> Iterator[Replay]:
    made = Replay(tmp_path / "home", URL.create("sqlite", database=str(site_copy)), reporting_url)
    with made.api.running():
        yield made
    made.pipeline.close()
    made.moodle.dispose()


def test_every_recording_is_answered_as_it_should_be(replay: Replay) -> None:
    assert len(RECORDINGS) == 27
    wrong = {}
    for name, recording in RECORDINGS.items():
        with replay.moodle.connect() as connection:
            tokens = connection.execute(text("SELECT id, validuntil, iprestriction FROM mdl_external_tokens")).all()
        replay.prepare(**BEFORE.get(name, {}))
        try:
            answer = replay.send(recording)
            (check_contract if recording["kind"] == "contract" else CHECK_DEFECT[name])(recording, answer)
        except AssertionError as error:
            wrong[name] = str(error)
        finally:
            put_back(replay, name, tokens)
    assert wrong == {}


def put_back(replay: Replay, name: str, tokens: Any) -> None:
    if "moodle" not in BEFORE.get(name, {}) and name != "33_fields_hidden":
        return
    if name == "33_fields_hidden":
        set_company(replay.pipeline.reporting, COMPANY_IDS["delta"], **{f"field_{each}": None for each in HIDDEN})
        return
    with replay.moodle.begin() as connection:
        for row in tokens:
            connection.execute(text(RESTORE), dict(row._mapping))
    replay.bring_tokens()


def check_contract(recording: dict[str, Any], answer: httpx.Response) -> None:
    response = recording["response"]
    assert answer.status_code == response["status"]
    assert answer.headers["content-type"] == response["headers"]["Content-Type"]
    assert answer.headers.get("content-disposition") == response["headers"].get("Content-Disposition")
    for name in ("Cache-Control", "Expires", "Pragma", "Accept-Ranges"):
        assert answer.headers[name] == response["headers"][name]
    if "json" in answer.headers["content-type"]:
        check_json(json.loads(response["body"]), answer.json())
    else:
        check_xml(parsed(response["body"]), parsed(answer.text), answer.text)


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  # recordings, and our own answers


def check_json(theirs: Any, ours: Any) -> None:
    if isinstance(theirs, dict):
        assert ours == theirs
        return
    assert isinstance(ours, list)
    names = list(theirs[0]) if theirs else list(FIELD_NAMES)
    for row in ours:
        assert list(row) == names
        assert all(isinstance(value, TYPES.get(name, str)) for name, value in row.items())
    assert len(ours) >= len(theirs)  # the plugin lost rows


def check_xml(theirs: ET.Element, ours: ET.Element, text_of_ours: str) -> None:
    assert text_of_ours.startswith('<?xml version="1.0" encoding="UTF-8" ?>\n<')
    assert ours.tag == theirs.tag
    if theirs.tag == "EXCEPTION":
        assert (ours.attrib, [(each.tag, each.text) for each in ours]) == (
            theirs.attrib, [(each.tag, each.text) for each in theirs]
        )  # fmt: skip
        return
    assert [each.tag for each in ours] == ["MULTIPLE"]
    for single in ours.iter("SINGLE"):
        assert [(key.tag, key.attrib["name"], [value.tag for value in key]) for key in single] == [
            ("KEY", name, ["VALUE"]) for name in FIELD_NAMES
        ]
    rows = len(list(theirs.iter("SINGLE")))
    assert not rows or len(list(ours.iter("SINGLE"))) == rows


def check_limit_zero(_recording: dict[str, Any], answer: httpx.Response) -> None:
    """`max_records` rows; the company has fewer, so all of them."""
    delta = {key[1:] for key in expected_rows() if key[0] == COMPANY_IDS["delta"]}
    assert {(row["userid"], row["courseid"]) for row in answer.json()} == delta
    assert len(answer.json()) == len(delta)


def check_poison(_recording: dict[str, Any], answer: httpx.Response) -> None:
    """The page, with the address as it is stored."""
    assert "not-an-email" in [row["email"] for row in answer.json()]
    assert len(answer.json()) == 5


CHECK_DEFECT = {"08_limit_zero": check_limit_zero, "58_poison_invalid_email": check_poison}
