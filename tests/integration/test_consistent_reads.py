"""All that is said of one learner comes from one moment, also while Moodle is being written."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import polars as pl
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from alx_core.domain.learners import EVERYBODY
from alx_core.domain.progress import SNAPSHOT_COLUMNS, Snapshot
from alx_core.services.sync.source import merge_texts
from alx_pipeline.moodle.source import open_source

USER, COURSE = 6, 2
READS = 60

DONE = (
    "UPDATE mdl_user SET suspended = 1 WHERE id = :user",
    "UPDATE mdl_course SET enablecompletion = 7 WHERE id = :course",
    "UPDATE mdl_company_users SET suspended = 1 WHERE userid = :user",
    "UPDATE mdl_user_enrolments SET timeend = 1 WHERE userid = :user",
    "UPDATE mdl_course_completions SET timecompleted = 1 WHERE userid = :user AND course = :course",
    "UPDATE mdl_course_modules_completion SET timemodified = 1 WHERE userid = :user",
)
UNDONE = tuple(statement.replace("= 1 ", "= 2 ").replace("= 7 ", "= 2 ") for statement in DONE)


@pytest.fixture
def writer(moodle_url: URL) -> Iterator[None]:
    """A process that keeps changing one learner in all tables, each time in one transaction."""
    url = moodle_url.render_as_string(hide_password=False)
    with subprocess.Popen([sys.executable, __file__, url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield
        process.kill()  # SIGTERM it may ignore: Dagster hands on what its own process does with SIGINT


def keep_writing(url: str) -> None:
    engine = create_engine(url)
    for turn in count():
        with engine.begin() as connection:
            for statement in (DONE, tuple(reversed(UNDONE)))[turn % 2]:
                connection.execute(text(statement), {"user": USER, "course": COURSE})
        if turn == 0:
            sys.stdout.write("writing\n")
            sys.stdout.flush()


def marks(snapshot: Snapshot) -> set[int]:
    """What each table says about the learner: 1 or 2 everywhere, or the reading was torn."""
    user, course = snapshot["user"], snapshot["course"]
    completions = snapshot["course_completions"]
    return {
        *user.filter(pl.col("id") == USER)["suspended"],
        *course.filter(pl.col("id") == COURSE)["enablecompletion"].replace(7, 1),
        *snapshot["company_users"].filter(pl.col("userid") == USER)["suspended"],
        *snapshot["user_enrolments"].filter(pl.col("userid") == USER)["timeend"],
        *completions.filter((pl.col("userid") == USER) & (pl.col("course") == COURSE))["timecompleted"],
        *snapshot["course_modules_completion"].filter(pl.col("userid") == USER)["timemodified"],
    }


@pytest.mark.usefixtures("writer")
def test_a_learner_range_is_read_from_one_snapshot(moodle_url: URL) -> None:
    seen = set()
    with closing(open_source(moodle_url, "mdl_")) as source:
        for _ in range(READS):
            batches = list(source.scan([EVERYBODY]))
            found = marks({name: merge_texts(name, batches) for name in SNAPSHOT_COLUMNS})
            assert len(found) == 1, "the reading is torn"
            seen |= found
    assert seen == {1, 2}, "the writer was never caught in either state"


if __name__ == "__main__":
    keep_writing(sys.argv[1])
