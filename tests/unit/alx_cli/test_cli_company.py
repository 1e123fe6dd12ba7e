"""`alx company`: every setting can be set, seen with its origin, and taken away; what is wrong changes nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Engine, event, insert, select
from sqlalchemy.engine import URL

from alx_core.domain.company_settings import EVERY_COMPANY, KINDS
from alx_core.domain.quota import usage_day
from alx_core.store.access import charge
from alx_core.store.companies import upsert_company
from alx_core.store.engine import open_engine, transaction
from alx_core.store.settings import load_settings_of
from alx_core.store.tables import companies, company_settings
from support.command import Command
from support.reporting_databases import write_migrated

OTHER_VALUES = {"quota_mode": "reads", "sync_mode": "0"}
"""A value other than the default, where 1 or 0 is not one."""


@pytest.fixture
def alx(tmp_path: Path) -> Command:
    """An installation with companies that are well, suspended and gone."""
    command = Command(tmp_path / "home")
    write_migrated(command.home / "alx.sqlite")
    with writing(command) as connection:
        upsert_company(connection, 1, shortname="acme", name="Acme [bold]& Söhne", row_count=1234)
        upsert_company(connection, 2, shortname="beta", name="Beta", suspended=1)
        upsert_company(connection, 3, shortname="gone", name="Gone", is_deleted=1)
    return command


@contextmanager
def writing(command: Command) -> Iterator[Connection]:
    url = URL.create("sqlite", database=str(command.home / "alx.sqlite"))
    with open_engine(url) as engine, transaction(engine) as connection:
        yield connection


def stored(command: Command, companyid: int) -> dict[str, str]:
    with writing(command) as connection:
        return load_settings_of(connection, companyid)


def versions(command: Command) -> dict[int, int]:
    with writing(command) as connection:
        return dict(connection.execute(select(companies.c.companyid, companies.c.settings_version)).all())


def shown(command: Command, name: str, shortname: str = "acme") -> tuple[str, str]:
    setting = command.run("company", "show", shortname, "--json").json[name]
    return setting["value"], setting["from"]


@pytest.mark.parametrize("name", [*KINDS, "course_17"])
def test_every_setting_can_be_set_seen_and_taken_away(alx: Command, name: str) -> None:
    default = KINDS[name].default if name in KINDS else "1"
    value = OTHER_VALUES.get(name) or ("0" if default == "1" else "1")
    done = alx.run("company", "set", "acme", f"{name}={value}")
    assert done.code == 0, done.stderr
    assert name in done.stdout
    assert shown(alx, name) == (value, "company")
    assert alx.run("company", "set", "acme", f"{name}=").code == 0
    assert stored(alx, 1) == {}
    assert name == "course_17" or shown(alx, name) == (default, "default")


def test_a_companys_own_value_wins_over_the_one_for_all(alx: Command) -> None:
    alx.run("company", "set", "--all", "rate_limit=500")
    alx.run("company", "set", "beta", "rate_limit=7")
    assert stored(alx, EVERY_COMPANY) == {"rate_limit": "500"}
    assert shown(alx, "rate_limit") == ("500", "all companies")
    assert shown(alx, "rate_limit", "beta") == ("7", "company")
    assert alx.run("company", "show", "--all", "--json").json["rate_limit"] == {"value": "500", "from": "all companies"}


def test_a_change_moves_the_version_of_those_it_touches_and_of_no_other(alx: Command) -> None:
    assert versions(alx) == {1: 0, 2: 0, 3: 0}
    alx.run("company", "set", "acme", "rate_limit=5", "max_records=50")
    assert versions(alx) == {1: 1, 2: 0, 3: 0}
    alx.run("company", "set", "--all", "rate_limit=6")
    assert versions(alx) == {1: 2, 2: 1, 3: 1}


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("rate_limit=-1", "from 0"),
        ("rate_limit=ten", "whole number"),
        ("max_records=0", "from 1"),
        ("enabled=yes", "0 (off) or 1 (on)"),
        ("quota_mode=hits", "requests, reads"),
        ("sync_mode=4", "from 0 to 3"),
        ("ratelimit=5", "There is no setting 'ratelimit'"),
        ("ratelimit=", "There is no setting 'ratelimit'"),
        ("field_password=0", "There is no setting"),
        ("course_0=0", "There is no setting"),
        ("course_12345678901234567890=0", "There is no setting"),
        ("course_5=2", "0 (off) or 1 (on)"),
    ],
)
def test_one_wrong_setting_keeps_all_from_being_set(alx: Command, assignment: str, says: str) -> None:
    done = alx.run("company", "set", "acme", "cache_enabled=0", assignment)
    assert (done.code, done.stdout) == (1, "")
    assert says in done.stderr
    assert stored(alx, 1) == {}
    assert versions(alx)[1] == 0


@pytest.mark.parametrize(
    "words",
    [[], ["acme"], ["acme", "rate_limit"], ["rate_limit=5"], ["--all"], ["acme", "rate_limit=5", "rate_limit=6"]],
)
def test_wrong_usage_sets_nothing(alx: Command, words: list[str]) -> None:
    done = alx.run("company", "set", *words)
    assert (done.code, done.stdout) == (2, "")
    assert stored(alx, 1) == stored(alx, EVERY_COMPANY) == {}


def test_all_and_a_company_exclude_each_other(alx: Command) -> None:
    assert alx.run("company", "show", "acme", "--all").code == 2
    assert alx.run("company", "show").code == 2
    assert alx.run("company", "set", "--all", "acme", "rate_limit=5").code == 2
    assert stored(alx, EVERY_COMPANY) == {}


@pytest.mark.parametrize("shortname", ["gone", "nobody"])
def test_an_unknown_company_is_refused_and_the_others_are_named(alx: Command, shortname: str) -> None:
    for words in (["show", shortname], ["set", shortname, "rate_limit=5"]):
        done = alx.run("company", *words)
        assert done.code == 1
        assert "acme, beta" in done.stderr


def test_the_list_shows_todays_calls_against_the_quota(alx: Command) -> None:
    with writing(alx) as connection:
        for day in (usage_day(time.time(), ZoneInfo("Asia/Tokyo")), "2026-01-01"):
            for _ in range(3):
                charge(connection, 1, day, limit=0)
    alx.run("company", "set", "beta", "rate_limit=0")
    alx.run("company", "set", "acme", "enabled=0")
    listed = {row["shortname"]: row for row in alx.run("company", "list", "--json", ALX_TIMEZONE="Asia/Tokyo").json}
    assert (listed["acme"]["calls_today"], listed["acme"]["rate_limit"]) == (3, 100)
    assert (listed["beta"]["calls_today"], listed["beta"]["rate_limit"]) == (0, 0)
    assert {name: row["state"] for name, row in listed.items()} == {
        "acme": "switched off", "beta": "suspended", "gone": "gone from Moodle",
    }  # fmt: skip
    people = alx.run("company", "list", ALX_TIMEZONE="Asia/Tokyo").stdout
    assert "unlimited" in people
    assert "Acme [bold]& Söhne" in people
    assert "midnight in Asia/Tokyo" in people


def test_the_list_goes_by_the_settings_in_force_where_one_is_no_value(alx: Command) -> None:
    wrong = {"companyid": 1, "setting_value": "abc", "timemodified": 0}
    with writing(alx) as connection:
        connection.execute(
            insert(company_settings), [{**wrong, "setting_name": name} for name in ("rate_limit", "enabled")]
        )
    alx.run("company", "set", "--all", "rate_limit=7")
    acme = alx.run("company", "list", "--json").json[0]
    assert (acme["shortname"], acme["rate_limit"], acme["state"]) == ("acme", 7, "ok")


def count_statements(command: Command, *words: str) -> int:
    statements: list[object] = []

    def note(*arguments: object) -> None:
        statements.append(arguments[2])

    event.listen(Engine, "before_cursor_execute", note)
    command.run(*words)
    event.remove(Engine, "before_cursor_execute", note)
    return len(statements)


def test_the_list_of_many_companies_takes_no_more_statements(alx: Command) -> None:
    few = count_statements(alx, "company", "list")
    with writing(alx) as connection:
        for companyid in range(10, 40):
            upsert_company(connection, companyid, shortname=f"company{companyid}")
    assert few == count_statements(alx, "company", "list") > 0


def test_without_companies_the_way_on_is_named(tmp_path: Path) -> None:
    fresh = Command(tmp_path / "new")
    fresh.run("migrate")
    assert "alx sync" in fresh.run("company", "list").stderr
