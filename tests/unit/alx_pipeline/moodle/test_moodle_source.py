"""Moodle's database as a source: which file is opened, and how large it is taken to be."""

import socket
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, text
from sqlalchemy.engine import URL

from alx_core.domain.learners import EVERYBODY, MAX_ID, WIDTH
from alx_core.errors import SettingsError, SourceUnreachable
from alx_core.store.engine import GONE_AFTER
from alx_pipeline.moodle.mysql import SOCKET_OPTIONS, connectorx_url
from alx_pipeline.moodle.queries import MoodleTables
from alx_pipeline.moodle.readers import ConnectorxReader
from alx_pipeline.moodle.source import MoodleSource, make_moodle_engine, open_source
from support.builders import LEARNER, load_moodle, make_many_learners, make_module_completion, make_snapshot, make_user
from support.databases import scratch_database


def test_a_file_is_opened_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "my %41 site#1?mode=rw"
    folder.mkdir()
    url = URL.create("sqlite", database=str(folder / "moodle.sqlite"))
    engine = create_engine(url)
    load_moodle(engine, make_snapshot())
    engine.dispose()
    source = open_source(url, "mdl_")
    learners = {name: batch.height for name, batch in source.scan([EVERYBODY]) if name == "user"}
    source.close()
    assert learners == {"user": 1}


@pytest.mark.slow
def test_statistics_from_before_a_table_was_filled_do_not_make_one_band_of_everybody() -> None:
    with scratch_database("postgresql") as url:
        engine = create_engine(url)
        metadata = load_moodle(engine, make_snapshot(**make_many_learners(600)))
        done = [make_module_completion(userid=LEARNER + each) for each in range(600)]
        with engine.begin() as connection:
            connection.execute(text("ANALYZE mdl_course_modules_completion"))
            connection.execute(insert(metadata.tables["mdl_course_modules_completion"]), done)
        engine.dispose()
        source = open_source(url, "mdl_")
        layout = source.layout(100)
        source.close()
    assert 5 < layout.count / layout.per_band < 7


LIMITS = {
    "postgresql": ("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')", ("2min", "45s")),
    "mariadb": ("SELECT @@max_statement_time, @@lock_wait_timeout", (120, 45)),
    "mysql": ("SELECT @@max_execution_time, @@lock_wait_timeout", (120_000, 45)),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_each_statement_of_every_connection_has_its_limits_and_no_other_session(kind: str) -> None:
    with scratch_database(kind) as url:
        engine, others = make_moodle_engine(url), create_engine(url)
        with engine.connect() as first, engine.connect() as second:
            query, limits = LIMITS["mariadb" if getattr(engine.dialect, "is_mariadb", False) else kind]
            for connection in (first, second, first):
                assert connection.execute(text(query)).one() == limits
                connection.rollback()
        with others.connect() as connection:
            assert connection.execute(text(query)).one() != limits
        engine.dispose()
        others.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
@pytest.mark.parametrize("far", [2**31, 2**62])
def test_a_few_ids_far_beyond_all_others_do_not_make_one_range_of_these(kind: str, far: int) -> None:
    with scratch_database(kind) as url:
        engine = create_engine(url)
        metadata = load_moodle(engine, make_snapshot(**make_many_learners(600)))
        with engine.begin() as connection:
            connection.execute(insert(metadata.tables["mdl_user"]), [make_user(id=far)])
        engine.dispose()
        source = open_source(url, "mdl_")
        layout = source.layout(100)
        source.close()
    assert (layout.width, layout.range_at(layout.count - 1).last) == (WIDTH, MAX_ID)


@pytest.mark.slow
def test_a_statement_that_mariadb_gives_up_in_the_middle_is_an_error_that_says_what_to_do() -> None:
    """connectorx panics then, which is no Exception to Python: the sync counted as interrupted, by nobody."""
    with scratch_database("mysql") as url:
        engine = create_engine(url)
        load_moodle(engine, make_snapshot())
        fast = connectorx_url(url, is_encrypted=False)
        assert fast
        reader = ConnectorxReader(fast, engine.dialect, prepare=["SET SESSION max_statement_time = 1"])
        source = MoodleSource(engine, MoodleTables("mdl_", has_modules=True), reader)
        with engine.connect() as other:
            other.exec_driver_sql("LOCK TABLES mdl_course_modules_completion WRITE")
            with pytest.raises(SourceUnreachable, match="max_statement_time"):
                list(source.scan([EVERYBODY]))
            other.exec_driver_sql("UNLOCK TABLES")
        source.close()


@pytest.mark.slow
def test_a_mariadb_that_vanishes_is_asked_for_as_often_as_a_postgresql() -> None:
    with scratch_database("mysql") as url:
        engine = make_moodle_engine(url)
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            asked = [driver._sock.getsockopt(socket.IPPROTO_TCP, option) for option in SOCKET_OPTIONS]
        engine.dispose()
        assert asked == [GONE_AFTER[f"keepalives_{name}"] for name in ("idle", "interval", "count")]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_url_may_leave_the_driver_open_and_a_driver_that_can_not_serve_is_refused(kind: str) -> None:
    with scratch_database(kind) as url:
        engine = create_engine(url)
        load_moodle(engine, make_snapshot())
        engine.dispose()
        for scheme in [kind, "mariadb"][: 1 + (kind == "mysql")]:
            source = open_source(url.set(drivername=scheme), "mdl_")
            assert [frame["id"].to_list() for name, frame in source.scan([EVERYBODY]) if name == "user"] == [[LEARNER]]
            source.close()
        with pytest.raises(SettingsError, match=f"Write {kind}://"):
            open_source(url.set(drivername=f"{kind}+nonsense"), "mdl_")
