"""`alx token`: a secret is shown once, on stdout alone, and whatever is named wrongly changes nothing."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.engine import URL

from alx_core.store.companies import upsert_company
from alx_core.store.engine import open_engine, transaction
from alx_core.store.tables import api_tokens
from support.command import Command, Outcome
from support.reporting_databases import write_migrated

DAY_S = 86_400


@pytest.fixture
def alx(tmp_path: Path) -> Command:
    """An installation with two companies, one that is suspended, and one that is gone."""
    command = Command(tmp_path / "home")
    write_migrated(command.home / "alx.sqlite")
    with writing(command) as connection:
        upsert_company(connection, 1, shortname="acme", name="Acme")
        upsert_company(connection, 2, shortname="beta", name="Beta")
        upsert_company(connection, 3, shortname="idle", name="Idle", suspended=1)
        upsert_company(connection, 4, shortname="gone", name="Gone", is_deleted=1)
    return command


def database(command: Command) -> URL:
    return URL.create("sqlite", database=str(command.home / "alx.sqlite"))


@contextmanager
def writing(command: Command) -> Iterator[Connection]:
    with open_engine(database(command)) as engine, transaction(engine) as connection:
        yield connection


def rows(command: Command) -> list[dict]:
    with writing(command) as connection:
        return [dict(row) for row in connection.execute(select(api_tokens).order_by(api_tokens.c.id)).mappings()]


def create(command: Command, *arguments: str) -> str:
    done = command.run("token", "create", *arguments)
    assert done.code == 0, done.stderr
    return done.stdout.strip()


def states(command: Command) -> dict[int, str]:
    return {row["id"]: row["state"] for row in command.run("token", "list", "--json").json}


def assert_refused(done: Outcome, *says: str, code: int = 1) -> None:
    assert (done.code, done.stdout) == (code, ""), done.stderr
    for each in says:
        assert each in done.stderr


def test_stdout_is_the_token_and_nothing_else(alx: Command) -> None:
    done = alx.run("token", "create", "--company", "acme", "--name", "Power BI")
    token = done.stdout.removesuffix("\n")
    assert token.isascii()
    assert token.replace("_", "").isalnum()
    assert token.startswith("alx_")
    assert "acme" in done.stderr
    assert token not in done.stderr


def test_two_tokens_are_never_the_same(alx: Command) -> None:
    assert len({create(alx, "--company", "acme") for _ in range(5)}) == 5


def test_the_token_is_kept_as_its_hash_and_stands_in_no_file(alx: Command) -> None:
    token = create(alx, "--company", "beta", "--name", "BI")
    (row,) = rows(alx)
    assert row["token_hash"] == hashlib.sha256(token.encode()).hexdigest()
    assert (row["companyid"], row["prefix"], row["name"], row["source"]) == (2, token[:8], "BI", "alx")
    for path in alx.home.rglob("*"):
        assert not path.is_file() or token[8:].encode() not in path.read_bytes()


def test_as_json_it_comes_with_all_that_is_known_of_it(alx: Command) -> None:
    made = alx.run("token", "create", "--company", "acme", "--expires", "2099-01-31", "--json").json
    assert made["token"][:8] == made["prefix"]
    assert (made["shortname"], made["state"]) == ("acme", "active")
    assert made["expires_at"] == 4073500800  # 2099-01-31T00:00:00Z
    listed = alx.run("token", "list", "--json").json[0]
    assert listed == {name: value for name, value in made.items() if name != "token"}


@pytest.mark.parametrize(
    ("written", "expires_at"),
    [
        ("2099-01-31T18:00", 4073565600),
        ("2099-01-31T18:00+01:00", 4073562000),
        ("2099-01-31T18:00:00Z", 4073565600),
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise(alx: Command, written: str, expires_at: int) -> None:
    create(alx, "--company", "acme", "--expires", written)
    assert rows(alx)[0]["expires_at"] == expires_at


@pytest.mark.parametrize(("written", "seconds"), [("12h", DAY_S / 2), ("90d", 90 * DAY_S), ("2w", 14 * DAY_S)])
def test_a_duration_counts_from_now(alx: Command, written: str, seconds: float) -> None:
    before = int(time.time())
    create(alx, "--company", "acme", "--expires", written)
    assert before + seconds <= rows(alx)[0]["expires_at"] <= time.time() + seconds


@pytest.mark.parametrize("written", ["tomorrow", "0d", "-5d", "90", "999999y", "2027-13-01", ""])
def test_what_is_no_moment_is_refused_with_an_example(alx: Command, written: str) -> None:
    assert_refused(alx.run("token", "create", "--company", "acme", "--expires", written), "90d", code=2)
    assert rows(alx) == []


def test_an_expiry_in_the_past_is_refused(alx: Command) -> None:
    assert_refused(alx.run("token", "create", "--company", "acme", "--expires", "2020-01-01"), "past")
    assert rows(alx) == []


@pytest.mark.parametrize("network", ["", " "])
def test_an_empty_address_makes_no_token_that_works_from_everywhere(alx: Command, network: str) -> None:
    done = alx.run("token", "create", "--company", "acme", "--allow-ip", "10.0.0.0/8", "--allow-ip", network)
    assert done.code == 2
    assert "--allow-ip names no address" in done.stderr
    assert alx.run("token", "create", "--company", "acme", "--allow-ip", network).code == 2
    assert not rows(alx)


def test_several_networks_are_kept_as_one_list(alx: Command) -> None:
    create(alx, "--company", "acme", "--allow-ip", "10.0.0.0/8", "--allow-ip", "192.0.2.10-20")
    assert rows(alx)[0]["allowed_networks"] == "10.0.0.0/8,192.0.2.10-20"


@pytest.mark.parametrize("network", ["example.com", "10.0.0.300", "10.0.0.20-10", "host.1-2", "10.0.0.0/33"])
def test_what_is_no_network_is_refused_because_it_would_match_nobody(alx: Command, network: str) -> None:
    assert_refused(alx.run("token", "create", "--company", "acme", "--allow-ip", network), network)
    assert rows(alx) == []


@pytest.mark.parametrize("shortname", ["Acme", "gone", "nobody", ""])
def test_a_company_that_is_unknown_or_gone_is_refused_and_the_others_are_named(alx: Command, shortname: str) -> None:
    assert_refused(alx.run("token", "create", "--company", shortname), "acme, beta, idle")


def test_a_shortname_of_two_companies_gets_no_token(alx: Command) -> None:
    with writing(alx) as connection:
        upsert_company(connection, 5, shortname="acme", name="Another Acme")
    assert_refused(alx.run("token", "create", "--company", "acme"), "2 companies")
    assert rows(alx) == []


def test_a_suspended_companys_token_is_made_with_a_warning(alx: Command) -> None:
    done = alx.run("token", "create", "--company", "idle")
    assert done.code == 0
    assert "company suspended" in done.stderr


def test_the_list_says_how_each_token_stands(alx: Command) -> None:
    for company in ("acme", "acme", "idle", "beta"):
        create(alx, "--company", company)
    with writing(alx) as connection:
        connection.execute(api_tokens.update().where(api_tokens.c.id == 2).values(expires_at=1))
    alx.run("token", "revoke", "4")
    assert states(alx) == {1: "active", 2: "expired", 3: "company suspended", 4: "revoked"}
    assert [row["id"] for row in alx.run("token", "list", "--company", "acme", "--json").json] == [1, 2]
    shown = alx.run("token", "list").stdout
    assert "expired" in shown
    assert "2099" not in shown


def test_an_empty_list_says_how_to_make_one(alx: Command) -> None:
    done = alx.run("token", "list")
    assert (done.code, done.stdout) == (0, "")
    assert "alx token create" in done.stderr


@pytest.mark.parametrize("name_it", [lambda row, _token: str(row["id"]), lambda row, _token: row["prefix"],
                                     lambda _row, token: token], ids=["id", "prefix", "token"])  # fmt: skip
def test_a_token_is_revoked_by_its_id_its_prefix_or_itself(alx: Command, name_it) -> None:
    token = create(alx, "--company", "acme")
    create(alx, "--company", "acme")
    done = alx.run("token", "revoke", name_it(rows(alx)[0], token))
    assert done.code == 0, done.stderr
    assert token not in done.stderr
    assert states(alx) == {1: "revoked", 2: "active"}


def test_a_prefix_of_several_tokens_revokes_none_and_names_them(alx: Command) -> None:
    create(alx, "--company", "acme")
    create(alx, "--company", "beta")
    assert_refused(alx.run("token", "revoke", "alx_"), "2 tokens", "acme", "beta", "id")
    assert set(states(alx).values()) == {"active"}


def test_a_prefix_that_is_also_an_id_is_refused(alx: Command) -> None:
    create(alx, "--company", "acme")
    create(alx, "--company", "beta")
    with writing(alx) as connection:
        connection.execute(api_tokens.update().where(api_tokens.c.id == 1).values(prefix="77595278"))
        connection.execute(api_tokens.update().where(api_tokens.c.id == 2).values(id=7759))
    assert_refused(alx.run("token", "revoke", "7759"), "2 tokens")
    assert set(states(alx).values()) == {"active"}


@pytest.mark.parametrize("reference", ["99", "alx", "zzzz", "", "alx_" + "x" * 40])
def test_a_name_that_fits_nothing_revokes_nothing(alx: Command, reference: str) -> None:
    create(alx, "--company", "acme")
    assert_refused(alx.run("token", "revoke", "1", reference), "no token")
    assert states(alx) == {1: "active"}


def test_all_of_a_company_leaves_the_others_alone(alx: Command) -> None:
    for company in ("acme", "beta", "acme"):
        create(alx, "--company", company)
    done = alx.run("token", "revoke", "--all-of", "acme", "--json")
    assert [row["id"] for row in done.json] == [1, 3]
    assert states(alx) == {1: "revoked", 2: "active", 3: "revoked"}


def test_revoking_twice_keeps_the_first_moment_and_says_so(alx: Command) -> None:
    create(alx, "--company", "acme")
    alx.run("token", "revoke", "1")
    with writing(alx) as connection:
        connection.execute(api_tokens.update().values(revoked_at=1_700_000_000))
    done = alx.run("token", "revoke", "1")
    assert "already" in done.stderr
    assert rows(alx)[0]["revoked_at"] == 1_700_000_000


def test_revoke_without_a_name_is_wrong_usage(alx: Command) -> None:
    assert_refused(alx.run("token", "revoke"), "--all-of", code=2)


def test_before_the_first_sync_the_way_on_is_named(tmp_path: Path) -> None:
    assert_refused(Command(tmp_path / "new").run("token", "create", "--company", "acme"), "alx sync")


def test_importing_without_a_moodle_says_which_setting_is_missing(tmp_path: Path) -> None:
    assert_refused(Command(tmp_path / "new").run("token", "import-moodle"), "ALX_MOODLE_URL is not set")


def test_the_commands_of_an_api_host_need_nothing_of_dagster_or_moodle() -> None:
    script = (
        "import sys\n"
        "for name in ('api', 'company', 'migrate', 'token'): __import__(f'alx_cli.commands.{name}')\n"
        "print(sorted({'dagster', 'yaml', 'polars', 'numpy', 'pyarrow'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[31mred", "a\ttab", "\u202eback"])
def test_a_name_that_cannot_be_shown_makes_no_token(alx: Command, name: str) -> None:
    done = alx.run("token", "create", "--company", "acme", "--name", name)
    assert (done.code, done.stdout, rows(alx)) == (2, "", [])
    assert "--name holds a line break" in done.stderr
