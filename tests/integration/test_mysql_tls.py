"""MariaDB and MySQL over TLS: what the URL asks for holds for both drivers, and what goes wrong says what to do."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from alx_core.domain.learners import EVERYBODY
from alx_core.errors import SourceAccessDenied, SourceUnreachable
from alx_pipeline.moodle.readers import ConnectorxReader, PymysqlReader
from alx_pipeline.moodle.source import MoodleSource, open_source
from support.builders import LEARNER, load_moodle, make_snapshot
from support.certificates import Authority
from support.command import Command
from support.databases import plain, scratch_database
from support.tls_server import TlsServer, mariadb_with_tls

PASSWORD = "Zażółć gęślą"
USERS = {"reader": "REQUIRE SSL", "anyone": "", "known": "REQUIRE X509"}
"""`reader` is let in over TLS alone, `known` with a certificate of the authority."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    with mariadb_with_tls(tmp_path_factory.mktemp("mariadb")) as started:
        root = create_engine(started.url)
        with root.begin() as connection:
            connection.execute(text("CREATE DATABASE moodle CHARACTER SET utf8mb4"))
            for user, requires in USERS.items():
                connection.execute(text(f"CREATE USER {user}@'%' IDENTIFIED BY '{PASSWORD}' {requires}"))
                connection.execute(text(f"GRANT SELECT ON moodle.* TO {user}@'%'"))
        root.dispose()
        engine = create_engine(started.url.set(database="moodle"))
        load_moodle(engine, make_snapshot())
        engine.dispose()
        yield started


def moodle(server: TlsServer, user: str = "reader", host: str = "localhost", **options: str) -> URL:
    """The URL of the Moodle on the server, with options as SQLAlchemy spells them."""
    return server.url.set(username=user, password=PASSWORD, host=host, database="moodle").update_query_dict(options)


def learners(source: MoodleSource) -> list[int]:
    """Read everything, and return the learners' ids."""
    frames = [frame for name, frame in source.scan([EVERYBODY]) if name == "user"]
    source.close()
    return pl.concat(frames)["id"].to_list()


@pytest.mark.parametrize("mode", [None, "PREFERRED", "REQUIRED", "required"])
def test_a_server_that_speaks_tls_is_read_over_it(
    server: TlsServer, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server refuses this user without, whichever driver asks. Certificates that check nothing are not loaded."""
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", None)
    url = moodle(server, **({"ssl-mode": mode} if mode else {}))
    source = open_source(url, "mdl_")
    assert type(source._reader) is ConnectorxReader
    assert learners(source) == [LEARNER]


def test_tls_that_is_switched_off_is_not_used(server: TlsServer) -> None:
    with pytest.raises(SourceAccessDenied, match="Access denied"):
        open_source(moodle(server, ssl_mode="DISABLED"), "mdl_")
    assert learners(open_source(moodle(server, "anyone", ssl_mode="DISABLED"), "mdl_")) == [LEARNER]


@pytest.mark.parametrize("mode", ["VERIFY_CA", "VERIFY_IDENTITY", None])
def test_a_server_whose_certificate_is_the_right_one_is_read(server: TlsServer, mode: str | None) -> None:
    options = {"ssl-ca": str(server.authority.file), **({"ssl-mode": mode} if mode else {})}
    assert learners(open_source(moodle(server, **options), "mdl_")) == [LEARNER]


def test_a_server_with_a_certificate_for_another_name_is_refused_but_where_that_does_not_count(
    server: TlsServer,
) -> None:
    """A CA alone asks for the name too: whoever gives one wants to know whom they talk to."""
    ca = str(server.authority.file)
    for options in ({}, {"ssl_mode": "VERIFY_IDENTITY"}):
        with pytest.raises(SourceUnreachable, match=r"127\.0\.0\.1.*Check ssl-mode and ssl-ca"):
            open_source(moodle(server, host="127.0.0.1", ssl_ca=ca, **options), "mdl_")
    assert learners(open_source(moodle(server, host="127.0.0.1", ssl_ca=ca, ssl_mode="VERIFY_CA"), "mdl_"))


@pytest.mark.parametrize("mode", ["VERIFY_CA", "VERIFY_IDENTITY"])
def test_a_server_that_somebody_else_vouches_for_is_refused(server: TlsServer, tmp_path: Path, mode: str) -> None:
    for options in ({}, {"ssl-ca": str(Authority(tmp_path, "another").file)}):
        with pytest.raises(SourceUnreachable, match=r"certificate verify failed.*Check ssl-mode and ssl-ca"):
            open_source(moodle(server, **{"ssl-mode": mode}, **options), "mdl_")


def test_a_client_s_certificate_lets_in_whom_it_names(server: TlsServer) -> None:
    known = server.authority.issue("known")
    with pytest.raises(SourceAccessDenied, match="Access denied"):
        open_source(moodle(server, "known"), "mdl_")
    options = {"ssl-mode": "REQUIRED", "ssl-cert": str(known.certificate), "ssl-key": str(known.key)}
    source = open_source(moodle(server, "known", **options), "mdl_")
    assert type(source._reader) is PymysqlReader
    assert learners(source) == [LEARNER]


def test_the_servers_socket_is_read_by_the_fast_driver_too(server: TlsServer) -> None:
    source = open_source(moodle(server, "anyone", unix_socket=str(server.socket)), "mdl_")
    assert type(source._reader) is ConnectorxReader
    assert learners(source) == [LEARNER]


def test_doctor_and_sync_agree_on_a_server_that_demands_tls(server: TlsServer, tmp_path: Path) -> None:
    """The one asks by PyMySQL, the other by connectorx: doctor found all well where no sync could read."""
    command = Command(tmp_path / "home", ALX_MOODLE_URL=plain(moodle(server)))
    doctor = command.run("doctor")
    assert "answers, over TLS" in " ".join(doctor.stdout.split())
    done = command.run("sync")
    assert done.code == 0, done.stderr


def test_a_server_without_tls_can_not_be_required_to_speak_it() -> None:
    with scratch_database("mysql") as url:
        load_moodle(engine := create_engine(url), make_snapshot())
        with engine.connect() as connection:
            speaks_tls = bool(connection.execute(text("SHOW SESSION STATUS LIKE 'Ssl_cipher'")).one()[1])
        engine.dispose()
        if speaks_tls:
            pytest.skip("the server of the tests speaks TLS")
        with pytest.raises(SourceUnreachable, match="Check ssl-mode and ssl-ca in ALX_MOODLE_URL"):
            open_source(url.update_query_dict({"ssl-mode": "REQUIRED"}), "mdl_")
        assert learners(open_source(url, "mdl_")) == [LEARNER]
