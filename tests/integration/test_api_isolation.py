"""No request with one company's token is answered with a byte of another's, whatever it asks and however.

Every row of a company carries its mark in all of its texts, so a byte of it can be searched for.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from alx_core.domain.changes import Op
from support.api import PATH, form, set_company
from support.in_process import URLENCODED, InProcess, in_process
from support.reads import COMPANY_IDS, make_token
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine
from support.table import CompanyTable

MARKS = ("AAAA", "BBBB")
NUMBERS = st.one_of(st.integers(-3, 45), st.sampled_from([1000, 2**31, 2**63 - 1]))
TEXTS = st.sampled_from(["json", "xml", "", "BBBB", "1 OR 1=1", "' OR ''='", "../b", "\x00", "%"])
EXTRA = st.sampled_from(
    ["companyid", "company", "userid", "moodlewssettinglang", "moodlewssettingfilter", "moodlewsrestformat",
     "wsfunction", "offset", "limit", "courseid"]
)  # fmt: skip


@dataclass
class Two:
    """Two companies of the same ids of learners and courses, each with tokens."""

    api: InProcess
    tables: list[CompanyTable]
    tokens: list[list[str]]


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("isolation")
    with migrated_engine(request.param, folder) as engine, in_process(engine, folder) as api:
        tables = [make_company(engine, mark) for mark in MARKS]
        yield Two(api, tables, [[make_token(engine, each.companyid) for _ in range(2)] for each in tables])


def make_company(engine: Engine, mark: str) -> CompanyTable:
    table = CompanyTable(engine, next(COMPANY_IDS), mark)
    table.fill(40)
    set_company(engine, table.companyid, rate_limit=0, allow_get=1)
    return table


@st.composite
def asked(draw: st.DrawFn) -> dict[str, Any]:
    """A request: parameters, where they go, where the token goes, and headers."""
    return {
        "parameters": draw(st.fixed_dictionaries({}, optional={"limit": NUMBERS, "offset": NUMBERS})),
        "extra": draw(st.dictionaries(EXTRA, TEXTS | NUMBERS, max_size=1)),
        "place": draw(st.sampled_from(["form", "query", "both"])),
        "carrier": draw(st.sampled_from(["wstoken", "bearer", "basic", "key"])),
        "claims_other": draw(st.booleans()),
        "gzip": draw(st.booleans()),
    }


def send(two: Two, who: int, token: str, request: dict[str, Any]) -> bytes:
    """Send it; headers may name the other company wherever a header could be believed."""
    other = two.tables[1 - who]
    call = {**form(token, **request["parameters"]), **{name: str(each) for name, each in request["extra"].items()}}
    headers: dict[str, str] = {}
    if request["claims_other"]:
        headers |= {
            "Host": f"{other.mark.lower()}.example.com", "X-Forwarded-Host": other.mark, "X-Forwarded-For": "192.0.2.1",
            "X-Company": str(other.companyid), "X-Original-URL": PATH, "Cookie": f"company={other.companyid}",
        }  # fmt: skip
    if request["carrier"] != "wstoken":
        del call["wstoken"]
        basic = base64.b64encode(f"{other.mark}:{token}".encode()).decode()
        headers |= {
            "bearer": {"Authorization": f"Bearer {token}"}, "basic": {"Authorization": f"Basic {basic}"},
            "key": {"X-API-Key": token},
        }[request["carrier"]]  # fmt: skip
    body = "" if request["place"] == "query" else urlencode(call)
    query = "" if request["place"] == "form" else urlencode(call)
    host = headers.pop("Host", "report.example.com")
    answer = two.api.client.simulate_post(
        PATH, query_string=query, body=body, headers=headers, content_type=URLENCODED, host=host
    )
    assert answer.status_code == 200
    return answer.content


@pytest.mark.slow
def test_no_answer_to_one_company_holds_a_byte_of_the_other(two: Two) -> None:
    shown = dict.fromkeys(MARKS, 0)

    @settings(max_examples=150)
    @given(
        steps=st.lists(
            st.tuples(st.integers(0, 1), st.integers(0, 1), asked(), st.booleans(), st.integers(0, 3)),
            min_size=2,
            max_size=6,
        )
    )
    def explore(steps: list[tuple[int, int, dict[str, Any], bool, int]]) -> None:
        for who, which, request, is_synced, mode in steps:
            table = two.tables[who]
            if is_synced:
                set_company(two.api.engine, table.companyid, sync_mode=mode)
                table.sync({min(table.live): Op.UPDATE})
            # Both ask for the same, so that cached pages and sessions of one would do for the other.
            for each in (who, 1 - who):
                answer = send(two, each, two.tokens[each][which], request)
                own, other = MARKS[each].encode(), MARKS[1 - each].encode()
                assert other not in answer
                shown[MARKS[each]] += own in answer
                assert two.api.last["companyid"] == two.tables[each].companyid

    explore()
    assert min(shown.values()) > 30  # they did get rows


@pytest.mark.slow
def test_a_token_together_with_another_companys_shows_only_one_companys_rows(two: Two) -> None:
    """Of two tokens the parameter counts, and of two parameters the form's."""
    mine, theirs = two.tokens[0][0], two.tokens[1][0]
    set_company(two.api.engine, two.tables[0].companyid, sync_mode=2)
    body = urlencode(form(mine))
    for headers in ({"Authorization": f"Bearer {theirs}"}, {"X-API-Key": theirs}):
        answer = two.api.client.simulate_post(
            PATH, body=body, query_string=f"wstoken={theirs}", headers=headers, content_type=URLENCODED
        )
        assert b"AAAA" in answer.content
        assert b"BBBB" not in answer.content
