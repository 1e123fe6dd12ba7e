"""A pooler before PostgreSQL: Moodle's may have one, the reporting database none, and that is said at the start."""

from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from alx_core.domain.learners import EVERYBODY
from alx_core.errors import SettingsError, StoreUnreachable
from alx_core.store.poolers import require_no_pooler
from alx_pipeline.moodle.source import open_source
from support.builders import LEARNER, load_moodle, make_snapshot
from support.command import Command
from support.databases import plain, scratch_database
from support.pgbouncer import pgbouncer

pytestmark = pytest.mark.slow

WAY_OUT = "let ALX_DATABASE_URL name PostgreSQL itself"
DROPPED = {"ignore_startup_parameters": "options"}


def test_postgresql_itself_is_no_pooler() -> None:
    with scratch_database("postgresql") as url:
        require_no_pooler(url)
        require_no_pooler(url.update_query_dict({"options": "-c search_path=public"}))


def test_a_server_that_does_not_answer_is_unreachable_not_a_pooler() -> None:
    with pytest.raises(StoreUnreachable):
        require_no_pooler(URL.create("postgresql+psycopg", host="127.0.0.1", port=1, database="alx"))


@pytest.mark.parametrize(
    ("pool_mode", "settings", "says"),
    [
        ("session", {}, "refuses the options of a connection"),
        ("session", DROPPED, "drops the options of a connection"),
        ("transaction", DROPPED, "gives several sessions one connection by turns"),
    ],
)
def test_a_pooler_that_gives_no_sessions_is_a_wrong_setting(
    pool_mode: str, settings: dict[str, str], says: str
) -> None:
    with (
        scratch_database("postgresql") as url,
        pgbouncer(url, pool_mode=pool_mode, **settings) as pooled,
        pytest.raises(SettingsError, match=says) as raised,
    ):
        require_no_pooler(pooled)
    assert WAY_OUT in str(raised.value)


@pytest.mark.parametrize("arguments", [("doctor",), ("sync",), ("api",)])
def test_every_command_that_needs_sessions_says_it(site_file: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with scratch_database("postgresql") as url, pgbouncer(url) as pooled:
        command = Command(
            tmp_path / "home",
            ALX_MOODLE_URL=f"sqlite:///{site_file}",
            ALX_DATABASE_URL=plain(pooled),
            ALX_API_BIND="127.0.0.1:0",
        )
        done = command.run(*arguments)
    assert done.code == 1
    assert WAY_OUT in " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("pool_mode", ["session", "transaction"])
def test_a_moodle_behind_a_pooler_is_read(pool_mode: str) -> None:
    with scratch_database("postgresql") as url, pgbouncer(url, pool_mode=pool_mode) as pooled:
        engine = create_engine(url)
        load_moodle(engine, make_snapshot())
        engine.dispose()
        source = open_source(pooled, "mdl_")
        for _ in range(10):  # often enough for a driver to prepare a statement
            layout = source.layout(100)
            assert source.digests(layout).whole.height
        learners = pl.concat([frame for name, frame in source.scan([EVERYBODY]) if name == "user"])
        source.close()
    assert learners["id"].to_list() == [LEARNER]
