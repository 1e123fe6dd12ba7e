"""What `alx doctor` says of services that an installation can do without."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from support.command import Command
from support.databases import plain, scratch_database


@pytest.fixture
def alx(tmp_path: Path) -> Command:
    return Command(tmp_path / "home")


def test_a_redis_that_does_not_answer_is_told(alx: Command) -> None:
    done = alx.run("doctor", "--json", ALX_REDIS_URL="redis://:s3cr3t@127.0.0.1:1/0")
    redis = next(each for each in done.json if each["check"] == "Redis")
    assert done.code == 1
    assert not redis["ok"]
    assert "Connection refused. Check ALX_REDIS_URL" in redis["detail"]
    assert "s3cr3t" not in redis["detail"]


def test_no_redis_is_none_to_be_told_of(alx: Command) -> None:
    assert "Redis" not in {each["check"] for each in alx.run("doctor", "--json").json}


@pytest.mark.slow
def test_a_server_that_never_vacuums_is_told_of(alx: Command) -> None:
    """It may be on purpose, so there is nothing to mend. The test's server is as it is: others use it too."""
    with scratch_database("postgresql") as url:
        server = create_engine(url)
        with server.connect() as connection:
            is_off = connection.scalar(text("SHOW autovacuum")) == "off"
        server.dispose()
        done = alx.run("doctor", "--json", ALX_DATABASE_URL=plain(url))
    found = [each for each in done.json if each["check"] == "autovacuum"]
    assert [(each["ok"], each["detail"][:7]) for each in found] == [(True, "is off:")] * is_off


@pytest.mark.slow
def test_a_reporting_database_that_cannot_hold_all_names_is_told(alx: Command) -> None:
    with scratch_database("postgresql") as url:
        server = create_engine(url, isolation_level="AUTOCOMMIT")
        name = f"{url.database}_latin1"
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"))
            done = alx.run("doctor", "--json", ALX_DATABASE_URL=plain(url.set(database=name)))
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()
    encoding = next(each for each in done.json if each["check"] == "encoding")
    assert not encoding["ok"]
    assert "ENCODING 'UTF8'" in encoding["detail"]
