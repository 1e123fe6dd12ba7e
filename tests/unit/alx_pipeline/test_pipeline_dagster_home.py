"""`DAGSTER_HOME`: whole at each moment, and a storage that waits for no server for ever and keeps its connections."""

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from alx_core.settings import Settings
from alx_core.store.engine import CONNECT_TIMEOUT_S, GONE_AFTER
from alx_pipeline.dagster_home import STORAGE_URL, code_server_environment, prepare_home, storage_url
from alx_pipeline.kept_connections import with_connections_kept_by_runs


def test_who_is_reading_dagsters_configuration_while_it_is_written_anew_reads_the_whole_of_it(tmp_path: Path) -> None:
    path = tmp_path / "dagster" / "dagster.yaml"
    prepare_home(Settings(home=tmp_path))
    whole = path.read_text()
    with path.open() as reader:
        prepare_home(Settings(home=tmp_path, sync_max_runtime_s=77))
        assert reader.read() == whole
    assert "77" in path.read_text()
    assert list(path.parent.iterdir()) == [path]


def test_dagster_too_waits_only_so_long_for_a_database_that_vanished() -> None:
    url = storage_url(make_url("postgresql://alx@db.example.com/alx?connect_timeout=3&sslmode=require"))
    _, asked = PGDialect_psycopg2().create_connect_args(url)
    assert {name: int(asked[name]) for name in GONE_AFTER} == GONE_AFTER
    assert int(asked["connect_timeout"]) == 3  # what the URL says itself holds
    assert asked["sslmode"] == "require"
    _, asked = PGDialect_psycopg2().create_connect_args(storage_url(make_url("postgresql://db.example.com/alx")))
    assert int(asked["connect_timeout"]) == CONNECT_TIMEOUT_S


def test_the_code_server_is_told_that_its_runs_alone_keep_connections() -> None:
    """It opens an instance for each tick, whose engines nobody closes."""
    settings = Settings(database_url="postgresql://alx:secret@db.example.com/alx")
    url = code_server_environment(settings)[STORAGE_URL]
    assert make_url(url) == with_connections_kept_by_runs(storage_url(settings.database))
    assert "secret" in url
    assert code_server_environment(Settings()) == {}
