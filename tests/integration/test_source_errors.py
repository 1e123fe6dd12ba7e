"""Whatever is wrong with Moodle's database: a clear message that says what to do, exit code 1, the table untouched."""

import re
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from alx_core.store.engine import make_engine
from alx_pipeline.moodle import limits
from alx_pipeline.moodle.queries import REQUIRED_TABLES
from support.command import Command
from support.databases import plain
from support.site import expected_rows, live_rows

PASSWORD = "s3cret-P@ss"


@pytest.fixture(scope="module")
def synced(site_file: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The reporting database after a sync: the same whatever kind of database Moodle is in."""
    command = Command(tmp_path_factory.mktemp("synced"), ALX_MOODLE_URL=f"sqlite:///{site_file}")
    assert command.run("sync").code == 0
    return (command.home / "alx.sqlite").read_bytes()


@pytest.fixture
def command(moodle_url: URL, synced: bytes, tmp_path: Path) -> Command:
    """An installation that has synced once, so that there is a table to leave untouched."""
    made = Command(tmp_path / "home", ALX_MOODLE_URL=plain(moodle_url))
    made.home.mkdir()
    (made.home / "alx.sqlite").write_bytes(synced)
    return made


def rows(command: Command) -> dict:
    engine = make_engine(URL.create("sqlite", database=str(command.home / "alx.sqlite")))
    with engine.connect() as connection:
        found = live_rows(connection)
    engine.dispose()
    return found


def edit(url: URL, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def assert_refused(command: Command, *says: str, doctor: tuple[str, ...] | None = None, **environment: str) -> None:
    """Sync and doctor both fail, both say what is wrong, and the table is as it was."""
    before = rows(command)
    for name, words in (("sync", says), ("doctor", says if doctor is None else doctor)):
        done = command.run(name, **environment)
        told = " ".join((done.stdout + done.stderr).split())
        assert done.code == 1, told
        for word in words:
            assert word in told
        assert PASSWORD not in told
        assert "Traceback" not in told
    assert rows(command) == before


def servers_only(url: URL) -> None:
    if url.get_backend_name() == "sqlite":
        pytest.skip("a file has no server, users or rights")


def test_a_server_that_is_down(command: Command, moodle_url: URL, tmp_path: Path) -> None:
    gone = (
        URL.create("sqlite", database=str(tmp_path / "nowhere" / "moodle.sqlite"))
        if moodle_url.get_backend_name() == "sqlite"
        else moodle_url.set(port=1, password=PASSWORD)
    )
    assert_refused(command, "did not answer", "ALX_MOODLE_URL", ALX_MOODLE_URL=plain(gone))


def test_a_table_that_stays_locked(command: Command, moodle_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an upgrade of Moodle leaves it, for as long as a change of a large table takes."""
    servers_only(moodle_url)
    monkeypatch.setattr(limits, "LOCK_TIMEOUT_S", 1)
    is_mysql = moodle_url.get_backend_name() == "mysql"
    engine = create_engine(moodle_url)
    with engine.connect() as upgrade:
        upgrade.execute(text("LOCK TABLES mdl_user WRITE" if is_mysql else "LOCK TABLE mdl_user"))
        assert_refused(command, "kept a table locked", "while Moodle is upgraded", "Nothing was changed")
        if is_mysql:
            upgrade.execute(text("UNLOCK TABLES"))
    engine.dispose()


def test_a_wrong_user(command: Command, moodle_url: URL) -> None:
    servers_only(moodle_url)
    assert_refused(
        command, "refused", "user and password", ALX_MOODLE_URL=plain(moodle_url.set(username="nobody_knows_me"))
    )


def test_a_wrong_password(command: Command, moodle_url: URL) -> None:
    servers_only(moodle_url)
    if moodle_url.get_backend_name() == "postgresql":
        pytest.skip("a test server's pg_hba.conf usually trusts local connections, whatever the password")
    with reader(moodle_url, tables=REQUIRED_TABLES, password="right") as url:
        assert_refused(
            command, "refused", "user and password", "ALX_MOODLE_URL", ALX_MOODLE_URL=plain(url.set(password=PASSWORD))
        )


def test_a_database_that_is_not_there(command: Command, moodle_url: URL) -> None:
    servers_only(moodle_url)
    assert_refused(command, "no_such_db", "ALX_MOODLE_URL", ALX_MOODLE_URL=plain(moodle_url.set(database="no_such_db")))


def test_a_missing_table(command: Command, moodle_url: URL) -> None:
    edit(moodle_url, "DROP TABLE mdl_company_users")
    assert_refused(command, "mdl_company_users", "IOMAD")


def test_a_missing_table_of_the_right_prefix_is_not_put_down_to_the_prefix(command: Command, moodle_url: URL) -> None:
    edit(moodle_url, "DROP TABLE mdl_company_shared_courses")
    assert_refused(command, "mdl_company_shared_courses", "come with IOMAD")
    assert "set ALX_MOODLE_PREFIX" not in command.run("doctor").stdout


def test_a_missing_column(command: Command, moodle_url: URL) -> None:
    edit(moodle_url, "ALTER TABLE mdl_course RENAME COLUMN enablecompletion TO enablecompletion2")
    assert_refused(command, "mdl_course.enablecompletion", "version of Moodle")


def test_a_wrong_prefix_names_the_right_one(command: Command) -> None:
    assert_refused(command, "prefix 'mdl_'", "ALX_MOODLE_PREFIX", ALX_MOODLE_PREFIX="m_")


def test_tables_in_a_schema_that_is_not_looked_into_name_the_schema(command: Command, moodle_url: URL) -> None:
    if moodle_url.get_backend_name() != "postgresql":
        pytest.skip("PostgreSQL alone has schemas inside a database")
    moves = [f"ALTER TABLE mdl_{name} SET SCHEMA school" for name in REQUIRED_TABLES]
    edit(moodle_url, "CREATE SCHEMA school", *moves)
    assert_refused(command, "mdl_user", "ALX_MOODLE_URL with ?options=-csearch_path%3Dschool")
    url = moodle_url.update_query_dict({"options": "-csearch_path=school"})
    assert command.run("sync", ALX_MOODLE_URL=plain(url)).code == 0


@pytest.mark.parametrize("table", ["company", "user", "course"])
def test_an_empty_moodle_deletes_nothing(command: Command, moodle_url: URL, table: str) -> None:
    edit(moodle_url, f"DELETE FROM mdl_{table}")
    assert_refused(command, f"mdl_{table}", doctor=("no rows", f"mdl_{table}"))


def test_a_table_that_may_not_be_read(command: Command, moodle_url: URL) -> None:
    servers_only(moodle_url)
    tables = [name for name in REQUIRED_TABLES if name != "user_enrolments"]
    with reader(moodle_url, tables=tables, password="right") as url:
        assert_refused(command, "mdl_user_enrolments", "GRANT SELECT", ALX_MOODLE_URL=plain(url))


def test_the_grants_of_the_error_are_all_that_is_missing(command: Command, moodle_url: URL) -> None:
    servers_only(moodle_url)
    with reader(moodle_url, tables=REQUIRED_TABLES[2:], password="right") as url:
        refused = command.run("sync", ALX_MOODLE_URL=plain(url))
        assert refused.code == 1
        edit(moodle_url, *re.findall(r"GRANT [^;]+;", " ".join(refused.stderr.split())))
        assert command.run("sync", ALX_MOODLE_URL=plain(url)).code == 0


def test_select_on_the_named_tables_is_all_the_user_needs(moodle_url: URL, tmp_path: Path) -> None:
    servers_only(moodle_url)
    with reader(moodle_url, tables=REQUIRED_TABLES, password=PASSWORD) as url:
        command = Command(tmp_path / "home", ALX_MOODLE_URL=plain(url))
        assert command.run("doctor").code == 0
        assert command.run("sync", "--rebuild", "--as-of", "1795474552").code == 0
        assert rows(command).keys() == expected_rows().keys()


def test_no_url_at_all_says_which_setting_is_missing(tmp_path: Path) -> None:
    done = Command(tmp_path / "home").run("sync")
    assert (done.code, done.stdout) == (1, "")
    assert "ALX_MOODLE_URL is not set" in done.stderr


class reader:  # noqa: N801  # used like a function
    """A user of the server who may SELECT from the named tables and nothing else."""

    def __init__(self, url: URL, *, tables: "list[str] | tuple[str, ...]", password: str) -> None:
        self.url, self.tables, self.password = url, tables, password
        self.name = f"reader_{url.database[-8:]}"
        self.is_mysql = url.get_backend_name() == "mysql"

    def __enter__(self) -> URL:
        if self.is_mysql:
            account = f"'{self.name}'@'%'"
            edit(self.url, f"CREATE USER {account} IDENTIFIED BY '{self.password}'")
        else:
            account = self.name
            edit(self.url, f"CREATE USER {account} PASSWORD '{self.password}'")
        for table in self.tables:
            edit(self.url, f"GRANT SELECT ON mdl_{table} TO {account}")
        return self.url.set(username=self.name, password=self.password)

    def __exit__(self, *_error: object) -> None:
        if self.is_mysql:
            edit(self.url, f"DROP USER '{self.name}'@'%'")
        else:
            edit(self.url, f"DROP OWNED BY {self.name}", f"DROP USER {self.name}")
