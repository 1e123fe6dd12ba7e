"""The real site's own tokens: taken over as Moodle would judge them, kept in step with Moodle, and kept secret."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.engine import URL

from alx_core.store.companies import upsert_company
from alx_core.store.engine import open_engine, transaction
from alx_core.store.tables import api_tokens
from alx_pipeline.moodle.queries import REQUIRED_TABLES
from support.command import Command
from support.databases import plain
from support.reporting_databases import write_migrated
from support.site import TABLES, read_csv, site_on_server

TOKENS = {row["token"]: row for row in read_csv(TABLES / "external_tokens.csv")}
ACME, BETA = 1, 2
"""Ids of `external_tokens`: of svc_acme and svc_beta."""

AUTHORISED = (
    "CREATE TABLE mdl_external_services_users (id BIGINT PRIMARY KEY, externalserviceid BIGINT, userid BIGINT,"
    " iprestriction VARCHAR(255), validuntil BIGINT, timecreated BIGINT)"
)


@dataclass
class Site:
    """A Moodle, and an installation that knows its companies and has imported nothing yet."""

    url: URL
    alx: Command

    @classmethod
    def over(cls, url: URL, home: Path) -> Self:
        """Stand in for the first sync: the companies are all that it leaves for tokens."""
        alx = Command(home, ALX_MOODLE_URL=plain(url))
        write_migrated(home / "alx.sqlite")
        database = URL.create("sqlite", database=str(home / "alx.sqlite"))
        with open_engine(database) as engine, transaction(engine) as connection:
            for row in read_csv(TABLES / "company.csv"):
                upsert_company(connection, int(row["id"]), shortname=row["shortname"], name=row["name"])
        return cls(url, alx)

    def edit(self, *statements: str) -> None:
        """Change Moodle by SQL."""
        engine = create_engine(self.url)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def imported(self) -> dict[str, dict]:
        """Import, and return what is then known of each token by its owner's name."""
        done = self.alx.run("token", "import-moodle", "--json")
        assert done.code == 0, done.stderr
        return {row["name"]: row for row in done.json["tokens"]}

    def counts(self) -> tuple[int, int, int, int]:
        """Import, and return how many tokens were added, updated, unchanged and revoked."""
        found = self.alx.run("token", "import-moodle", "--json").json
        return found["added"], found["updated"], found["unchanged"], found["revoked"]

    def table(self) -> list[dict]:
        """All that is kept of tokens."""
        url = URL.create("sqlite", database=str(self.alx.home / "alx.sqlite"))
        with open_engine(url) as engine, engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(api_tokens).order_by(api_tokens.c.id)).mappings()]


@pytest.fixture
def everywhere(moodle_url: URL, tmp_path: Path) -> Site:
    """The real site in each kind of database."""
    return Site.over(moodle_url, tmp_path / "home")


@pytest.fixture
def site(site_copy: Path, tmp_path: Path) -> Site:
    """The real site in SQLite, for what no SQL decides."""
    return Site.over(URL.create("sqlite", database=str(site_copy)), tmp_path / "home")


def token_of(token_id: int) -> str:
    return next(token for token, row in TOKENS.items() if row["id"] == str(token_id))


def test_all_eight_tokens_come_over_each_with_its_owners_company(everywhere: Site) -> None:
    imported = everywhere.imported()
    assert {name: (row["shortname"], row["state"]) for name, row in imported.items()} == {
        "svc_acme": ("acme", "active"),
        "svc_beta": ("beta", "active"),
        "svc_gamma": ("gamma", "active"),
        "svc_delta": ("delta", "active"),
        "svc_nousers": ("nousers", "active"),
        "svc_nocourses": ("nocourses", "active"),
        "svc_nocompany": (None, "no company"),
        "svc_twocomp": ("acme", "active"),  # in beta first, in acme later: the plugin was recorded to serve acme
    }
    assert {row["expires_at"] for row in imported.values()} == {None}  # validuntil 0, and NULL for svc_delta
    assert {row["allowed_networks"] for row in imported.values()} == {""}
    assert {row["created_at"] for row in imported.values()} == {1795474554, 1795474761}
    assert {row["source"] for row in imported.values()} == {"moodle"}


def test_a_second_import_changes_nothing(everywhere: Site) -> None:
    assert everywhere.counts() == (8, 0, 0, 0)
    before = everywhere.table()
    assert everywhere.counts() == (0, 0, 8, 0)
    assert everywhere.table() == before


def test_no_secret_is_in_any_file_or_output(site: Site) -> None:
    outcomes = [
        site.alx.run("token", "import-moodle"),
        site.alx.run("token", "import-moodle", "--json"),
        site.alx.run("token", "list"),
    ]
    bytes_kept = b"".join(path.read_bytes() for path in site.alx.home.rglob("*") if path.is_file())
    said = "".join(each.stdout + each.stderr for each in outcomes)
    for token in TOKENS:
        assert token[:8] in said
        assert token[:12] not in said
        assert token[:12].encode() not in bytes_kept


def test_the_import_only_reads_moodle(site: Site, site_copy: Path) -> None:
    before = site_copy.read_bytes()
    assert len(site.imported()) == 8
    assert site_copy.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        (f"UPDATE mdl_external_tokens SET validuntil = 4000000000 WHERE id = {ACME}", "expires_at", 4_000_000_000),
        (f"UPDATE mdl_external_tokens SET validuntil = 5 WHERE id = {ACME}", "state", "expired"),
        (f"UPDATE mdl_external_tokens SET iprestriction = '10.0.0.0/8, 192.168' WHERE id = {ACME}",
         "allowed_networks", "10.0.0.0/8, 192.168"),
        (f"UPDATE mdl_external_tokens SET iprestriction = '0' WHERE id = {ACME}", "allowed_networks", ""),
        ("UPDATE mdl_user SET suspended = 1 WHERE username = 'svc_acme'", "state", "owner suspended"),
        ("UPDATE mdl_user SET deleted = 1 WHERE username = 'svc_acme'", "state", "owner deleted"),
        ("UPDATE mdl_user SET confirmed = 0 WHERE username = 'svc_acme'", "state", "owner unconfirmed"),
        ("UPDATE mdl_user SET confirmed = 0, suspended = 1 WHERE username = 'svc_acme'", "state", "owner unconfirmed"),
        ("UPDATE mdl_user SET auth = 'nologin' WHERE username = 'svc_acme'", "state", "owner may not log in"),
        ("DELETE FROM mdl_user WHERE username = 'svc_acme'", "state", "owner deleted"),
        ("UPDATE mdl_external_services SET enabled = 0 WHERE id = 4", "state", "refused by Moodle"),
        ("DELETE FROM mdl_external_services_functions WHERE externalserviceid = 4", "state", "refused by Moodle"),
        ("DROP TABLE mdl_external_services_functions", "state", "active"),
        ("UPDATE mdl_company_users SET companyid = 2 WHERE userid = 303", "shortname", "beta"),
        ("UPDATE mdl_company_users SET suspended = 1 WHERE userid = 303", "state", "no company"),
        ("DELETE FROM mdl_company_users WHERE userid = 303", "state", "no company"),
        (f"DELETE FROM mdl_external_tokens WHERE id = {ACME}", "state", "gone from Moodle"),
        (f"UPDATE mdl_external_tokens SET tokentype = 1 WHERE id = {ACME}", "state", "gone from Moodle"),
        (f"UPDATE mdl_external_tokens SET sid = 'abc' WHERE id = {ACME}", "state", "gone from Moodle"),
        (f"UPDATE mdl_external_tokens SET externalserviceid = 2 WHERE id = {ACME}", "state", "gone from Moodle"),
        ("UPDATE mdl_external_services SET shortname = 'alx_report_api' WHERE id = 4", "state", "active"),
        ("UPDATE mdl_external_services SET shortname = NULL WHERE id = 4", "state", "gone from Moodle"),
    ],
)  # fmt: skip
def test_what_changes_in_moodle_changes_here(site: Site, change: str, column: str, value: object) -> None:
    assert site.imported()["svc_acme"]["state"] == "active"
    site.edit(change)
    assert site.imported()[next(row["name"] for row in site.table() if row["id"] == 1)][column] == value


def test_a_deleted_token_is_revoked_alone_and_works_again_when_moodle_has_it_again(everywhere: Site) -> None:
    everywhere.imported()
    everywhere.edit(f"UPDATE mdl_external_tokens SET tokentype = 9 WHERE id = {BETA}")
    assert everywhere.counts() == (0, 0, 7, 1)
    assert [row["revoked_at"] is None for row in everywhere.table()].count(False) == 1
    assert everywhere.counts() == (0, 0, 7, 0)
    everywhere.edit(f"UPDATE mdl_external_tokens SET tokentype = 0 WHERE id = {BETA}")
    assert everywhere.counts() == (0, 1, 7, 0)
    assert everywhere.imported()["svc_beta"]["state"] == "active"


def test_what_a_person_revoked_stays_revoked_whatever_moodle_says(site: Site) -> None:
    site.imported()
    site.alx.run("token", "revoke", "1")
    site.edit(f"UPDATE mdl_external_tokens SET iprestriction = '10.0.0.1' WHERE id = {ACME}")
    assert site.imported()["svc_acme"]["state"] == "revoked"
    site.edit(f"UPDATE mdl_external_tokens SET tokentype = 9 WHERE id = {BETA}")
    assert site.imported()["svc_beta"]["state"] == "gone from Moodle"
    site.alx.run("token", "revoke", "2")
    site.edit(f"UPDATE mdl_external_tokens SET tokentype = 0 WHERE id = {BETA}")
    assert site.imported()["svc_beta"]["state"] == "revoked"


def test_tokens_made_here_are_none_of_the_imports_business(site: Site) -> None:
    site.alx.run("token", "create", "--company", "acme")
    site.imported()
    site.edit("DELETE FROM mdl_external_tokens")
    done = site.alx.run("token", "import-moodle")
    assert "Moodle has no tokens" in done.stderr
    assert {row["state"] for row in site.alx.run("token", "list", "--json").json if row["source"] == "alx"} == {
        "active"
    }


def test_suspended_in_one_department_only_is_still_a_member(everywhere: Site) -> None:
    everywhere.edit(
        "UPDATE mdl_company_users SET suspended = 1 WHERE userid = 303",
        "INSERT INTO mdl_company_users (id, companyid, userid, managertype, departmentid, suspended, educator)"
        " VALUES (9001, 1, 303, 0, 99, 0, 0)",
        "UPDATE mdl_company_users SET suspended = 1 WHERE userid = 310 AND companyid = 1",
    )
    imported = everywhere.imported()
    assert imported["svc_acme"]["shortname"] == "acme"
    assert imported["svc_twocomp"]["shortname"] == "beta"


def test_the_same_token_twice_counts_once_as_its_first_row_says(everywhere: Site) -> None:
    everywhere.edit(f"UPDATE mdl_external_tokens SET token = '{token_of(ACME)}' WHERE id = {BETA}")
    assert everywhere.counts() == (7, 0, 0, 0)
    assert everywhere.counts() == (0, 0, 7, 0)
    assert everywhere.imported()["svc_acme"]["shortname"] == "acme"


def test_an_empty_token_is_none(everywhere: Site) -> None:
    everywhere.edit(f"UPDATE mdl_external_tokens SET token = '' WHERE id = {ACME}")
    assert everywhere.counts() == (7, 0, 0, 0)


def test_a_service_for_authorised_users_lets_in_nobody_else(everywhere: Site) -> None:
    everywhere.edit(
        AUTHORISED,
        "UPDATE mdl_external_services SET restrictedusers = 1 WHERE id = 4",
        "INSERT INTO mdl_external_services_users VALUES (1, 4, 303, NULL, 4000000000, 0)",
        "INSERT INTO mdl_external_services_users VALUES (2, 4, 305, '10.0.0.1', NULL, 0)",
        "INSERT INTO mdl_external_services_users VALUES (3, 4, 306, '10.0.0.1', NULL, 0)",
        "INSERT INTO mdl_external_services_users VALUES (4, 2, 304, NULL, NULL, 0)",
        "UPDATE mdl_external_tokens SET validuntil = 4100000000 WHERE userid = 303",
        "UPDATE mdl_external_tokens SET iprestriction = '10.0.0.2' WHERE userid = 306",
    )
    imported = everywhere.imported()
    assert (imported["svc_acme"]["state"], imported["svc_acme"]["expires_at"]) == ("active", 4_000_000_000)
    assert (imported["svc_gamma"]["state"], imported["svc_gamma"]["allowed_networks"]) == ("active", "10.0.0.1")
    delta = imported["svc_delta"]
    assert (delta["state"], delta["allowed_networks"]) == ("active", "10.0.0.2 & 10.0.0.1")
    assert imported["svc_beta"]["state"] == "refused by Moodle"  # authorised for another service


def test_a_list_of_authorised_users_that_is_not_there_imports_nothing(everywhere: Site) -> None:
    everywhere.edit("UPDATE mdl_external_services SET restrictedusers = 1 WHERE id = 4")
    done = everywhere.alx.run("token", "import-moodle")
    assert done.code == 1
    assert "mdl_external_services_users" in done.stderr
    assert everywhere.table() == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("DROP TABLE mdl_external_tokens", "mdl_external_tokens"),
        ("ALTER TABLE mdl_external_tokens RENAME COLUMN validuntil TO until", "mdl_external_tokens.validuntil"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_revoked(everywhere: Site, change: str, named: str) -> None:
    everywhere.imported()
    before = everywhere.table()
    everywhere.edit(change)
    done = everywhere.alx.run("token", "import-moodle")
    assert (done.code, done.stdout) == (1, "")
    assert named in done.stderr
    assert everywhere.table() == before
    doctor = everywhere.alx.run("doctor")
    assert doctor.code == 0, "tokens are optional: the sync does without"
    assert named in doctor.stdout


def test_a_user_without_rights_on_the_tokens_is_told_the_grant(tmp_path: Path) -> None:
    with site_on_server("postgresql") as url:
        engine = create_engine(url)
        name = f"tokens_{url.database[-8:]}"
        granted = ", ".join(f"mdl_{each}" for each in REQUIRED_TABLES)
        with engine.begin() as connection:
            connection.execute(text(f"CREATE USER {name} PASSWORD 'x'"))
            connection.execute(text(f"GRANT SELECT ON {granted} TO {name}"))
        try:
            alx = Command(tmp_path / "home", ALX_MOODLE_URL=plain(url.set(username=name, password="x")))
            done = alx.run("token", "import-moodle")
            assert done.code == 1
            assert "may not read mdl_external_tokens" in done.stderr
            doctor = alx.run("doctor", "--json")
            assert doctor.code == 0
            found = next(each["detail"] for each in doctor.json if each["check"] == "Moodle's tokens")
            assert "may not read mdl_external_tokens" in found
            assert re.findall(r"GRANT [^;]+;", " ".join(done.stderr.split())) == re.findall(r"GRANT [^;]+;", found)
            with engine.begin() as connection:
                connection.execute(text(found.split("run: ")[1]))
            assert alx.run("token", "import-moodle").code == 0
        finally:
            with engine.begin() as connection:
                connection.execute(text(f"DROP OWNED BY {name}"))
                connection.execute(text(f"DROP USER {name}"))
            engine.dispose()
