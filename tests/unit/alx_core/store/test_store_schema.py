"""The schema and its version: made by migrations, the same as tables.py says, never by a version that is too old."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlalchemy.engine import URL

from alx_core.errors import SchemaOutOfDate
from alx_core.services.schema import prepare
from alx_core.store.engine import connect, open_engine, transaction
from alx_core.store.schema import HEAD, KNOWN, current_revision, migrate, require_current
from alx_core.store.tables import metadata
from alx_core.store.upgrade import alembic_config
from support.reporting_databases import KINDS_OF_DATABASE, reporting_database, wait_for_a_lock

pytestmark = pytest.mark.slow

KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of each kind."""
    with reporting_database(request.param, tmp_path) as url, open_engine(url) as engine:
        yield engine


@pytest.fixture
def migrated(empty: Engine) -> Engine:
    migrate(empty)
    return empty


def revision(engine: Engine) -> str | None:
    with connect(engine) as connection:
        return current_revision(connection)


def set_revision(engine: Engine, number: str) -> None:
    with transaction(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": number})


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_head_is_the_newest_migration_and_all_are_numbered_without_a_gap() -> None:
    script = ScriptDirectory.from_config(alembic_config())
    assert script.get_current_head() == HEAD
    assert {each.revision for each in script.walk_revisions()} == KNOWN


def test_an_empty_database_is_brought_to_head(empty: Engine) -> None:
    assert revision(empty) is None
    assert migrate(empty) == (None, HEAD)
    assert revision(empty) == HEAD
    assert tables(empty) == {*metadata.tables, "alembic_version"}


def test_migrating_twice_changes_nothing_and_keeps_all_data(migrated: Engine) -> None:
    with transaction(migrated) as connection:
        connection.execute(text("INSERT INTO sync_runs (kind, status, as_of, started_at) VALUES ('x', 'x', 1, 1)"))
    before = schema_of(migrated)
    assert migrate(migrated) == (HEAD, HEAD)
    assert schema_of(migrated) == before
    with connect(migrated) as connection:
        assert connection.scalar(text("SELECT count(*) FROM sync_runs")) == 1


def test_alembic_finds_no_difference_between_migrations_and_tables(migrated: Engine) -> None:
    with transaction(migrated) as connection:
        command.check(alembic_config(connection))  # raises when there is one


def schema_of(engine: Engine) -> dict[str, Any]:
    """All that a database tells of our tables, in a form that can be compared."""
    found, names = inspect(engine), sorted(metadata.tables)
    return {
        name: {
            "columns": [{**each, "type": str(each["type"])} for each in found.get_columns(name)],
            "primary key": found.get_pk_constraint(name),
            "foreign keys": found.get_foreign_keys(name),
            "indexes": sorted(map(plain_index, found.get_indexes(name)), key=lambda each: str(each["name"])),
            "unique": found.get_unique_constraints(name),
            "checks": found.get_check_constraints(name),
        }
        for name in names
    }


def plain_index(index: Any) -> dict[str, Any]:
    """An index whose options can be compared: the condition of a partial one as text."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


def test_migrations_make_the_very_tables_that_tables_py_describes(migrated: Engine, tmp_path: Path) -> None:
    """More than `alembic check` sees: defaults, names of constraints, checks, comments."""
    with reporting_database(migrated.dialect.name, tmp_path) as url, open_engine(url) as described:
        with transaction(described) as connection:
            metadata.create_all(connection)
        assert schema_of(migrated) == schema_of(described)


@pytest.mark.parametrize("empty", ["postgresql"], indirect=True)
def test_every_constraint_has_a_name(migrated: Engine) -> None:
    """On PostgreSQL; SQLite has no name for the key of a table that counts by itself."""
    for table in schema_of(migrated).values():
        constraints = [table["primary key"], *table["foreign keys"], *table["unique"], *table["checks"]]
        assert all(each["name"] for each in constraints)


def test_a_schema_that_this_version_does_not_know_is_refused_and_left_alone(migrated: Engine) -> None:
    set_revision(migrated, "9999")
    for act in (migrate, require_current, prepare):
        with pytest.raises(SchemaOutOfDate, match=r"9999.*does not know.*newer version"):
            act(migrated)
        assert revision(migrated) == "9999"


def test_a_database_without_tables_is_out_of_date(empty: Engine) -> None:
    with pytest.raises(SchemaOutOfDate, match=r"has no tables yet.*alx migrate"):
        require_current(empty)
    assert tables(empty) == set()


def test_a_database_at_head_is_current(migrated: Engine) -> None:
    require_current(migrated)


def test_an_empty_database_is_prepared_by_itself(empty: Engine) -> None:
    prepare(empty)
    require_current(empty)


def test_a_prepared_database_is_prepared_again_without_a_change(migrated: Engine) -> None:
    before = schema_of(migrated)
    prepare(migrated)
    assert schema_of(migrated) == before


def test_tables_of_others_in_the_same_database_are_left_alone(empty: Engine) -> None:
    with transaction(empty) as connection:
        connection.execute(text("CREATE TABLE somebody_elses (id INTEGER)"))
    migrate(empty)
    with transaction(empty) as connection:
        command.check(alembic_config(connection))
    assert "somebody_elses" in tables(empty)


@pytest.mark.parametrize("kind", KINDS_OF_DATABASE)
def test_one_that_comes_while_another_migrates_an_empty_database_ends_well_too(kind: str, tmp_path: Path) -> None:
    errors: list[Exception] = []
    with reporting_database(kind, tmp_path) as url, open_engine(url) as first:
        second = threading.Thread(target=_migrate, args=(url, errors))
        with transaction(first) as connection:
            command.upgrade(alembic_config(connection), "head")
            second.start()
            _wait_until_blocked(url)
        second.join()
    assert errors == []


def _migrate(url: URL, errors: list[Exception]) -> None:
    with open_engine(url) as engine:
        try:
            migrate(engine)
        except Exception as error:  # noqa: BLE001  # whatever it is, the test reports it
            errors.append(error)


def _wait_until_blocked(url: URL) -> None:
    """Wait until somebody waits for a lock; SQLite can't tell, so there it is just a while."""
    if url.get_backend_name() == "sqlite":
        time.sleep(0.3)
        return
    wait_for_a_lock(url)
