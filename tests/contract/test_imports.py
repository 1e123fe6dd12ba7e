"""What a process loads, which is most of its start and of its memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.reporting_databases import write_migrated

pytestmark = pytest.mark.slow

ENGINES = frozenset({"adbc_driver_manager", "connectorx", "numpy", "pandas", "polars", "psycopg", "pyarrow"})
"""What a sync reads, computes and writes with."""
MIGRATIONS = frozenset({"alembic", "mako"})

RUN_ALX = "import sys; from alx_cli.main import cli; cli({arguments}, standalone_mode=False)"


def packages_of(code: str, **environment: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after running `code`."""
    names = "{name.partition('.')[0] for name, module in sys.modules.items() if module}"
    code = f"{code}\nimport sys; print(); print('LOADED', *{names})"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ALX_")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**inherited, **environment}
    )
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_the_api_loads_nothing_of_the_pipeline_and_no_redis_that_it_is_not_given(tmp_path: Path) -> None:
    code = "import api_server.gunicorn_conf, api_server.wsgi, api_server.worker, api_server.redaction"
    loaded = packages_of(code, ALX_HOME=str(tmp_path))
    assert {"falcon", "structlog"} <= loaded
    assert loaded & {*ENGINES, *MIGRATIONS, "dagster", "redis", "rich", "alx_pipeline", "alx_cli"} == set()


@pytest.mark.parametrize("arguments", [["status"], ["token", "list"], ["company", "list"], ["--help"]])
def test_commands_that_only_look_load_neither_dagster_nor_an_engine_nor_migrations(
    tmp_path: Path, arguments: list[str]
) -> None:
    write_migrated(tmp_path / "alx.sqlite")
    loaded = packages_of(RUN_ALX.format(arguments=arguments), ALX_HOME=str(tmp_path))
    assert "alx_cli" in loaded
    assert loaded & {*ENGINES, *MIGRATIONS, "dagster", "falcon", "redis", "alx_pipeline", "api_server"} == set()


def test_the_code_location_loads_no_engine_before_a_sync(tmp_path: Path) -> None:
    loaded = packages_of("import alx_pipeline.definitions", ALX_HOME=str(tmp_path))
    assert "dagster" in loaded
    assert loaded & {*ENGINES, "alembic", "falcon", "rich", "api_server"} == set()


def test_a_sync_loads_no_pandas(tmp_path: Path) -> None:
    code = "import alx_core.services.sync.run, alx_pipeline.moodle.source"
    loaded = packages_of(code, ALX_HOME=str(tmp_path))
    assert {"adbc_driver_postgresql", "polars", "pyarrow"} <= loaded
    assert "pandas" not in loaded


@pytest.mark.parametrize(
    ("first", "code"),
    [("from alx_cli.main import cli", "cli.get_command(None, 'status')"), ("", "import alx_pipeline.definitions")],
    ids=["command", "code location"],
)
def test_no_search_for_garbage_goes_through_what_a_process_imports_to_keep(
    tmp_path: Path, first: str, code: str
) -> None:
    code = f"""
import gc
{first}

def collections():
    return sum(each["collections"] for each in gc.get_stats())

before = collections()
{code}
assert collections() - before < 10  # those after the imports; it would be hundreds
assert len(gc.get_objects()) < 10_000  # the others, 100,000 and more, are not looked at any more
assert gc.isenabled()
"""
    assert "alx_core" in packages_of(code, ALX_HOME=str(tmp_path))
