"""Moodle's database as a source: which file is opened, and how large it is taken to be."""

from pathlib import Path

from sqlalchemy import create_engine, insert, text
from sqlalchemy.engine import URL

from alx_core.domain.learners import EVERYBODY
from alx_pipeline.moodle.source import open_source
from support.builders import LEARNER, load_moodle, make_many_learners, make_module_completion, make_snapshot
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


def test_statistics_from_before_a_table_was_filled_do_not_make_one_range_of_everybody() -> None:
    with scratch_database("postgresql") as url:
        engine = create_engine(url)
        metadata = load_moodle(engine, make_snapshot(**make_many_learners(600)))
        done = [make_module_completion(userid=LEARNER + each) for each in range(600)]
        with engine.begin() as connection:
            connection.execute(text("ANALYZE mdl_course_modules_completion"))
            connection.execute(insert(metadata.tables["mdl_course_modules_completion"]), done)
        engine.dispose()
        source = open_source(url, "mdl_")
        assert source.layout(100).count == 3
        source.close()
