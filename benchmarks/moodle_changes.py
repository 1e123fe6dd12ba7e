"""What happens in Moodle between two syncs: learners do activities, courses are made and renamed."""

import random

from moodle_data import FIRST_USER, MoodleData
from sqlalchemy import Engine, bindparam, text

LEARNER = 401
"""Neither deleted nor suspended."""
CHANGES = 10_000
CHANGE = (
    "UPDATE mdl_course_modules_completion SET completionstate = 3"
    " WHERE completionstate IN (1, 2) AND id % :every = 0 AND userid BETWEEN :first AND :last"
)
"""Activities that were done and are failed now."""
LATEST = (
    "UPDATE mdl_course_modules_completion SET completionstate = CASE completionstate WHEN 3 THEN 1 ELSE 3 END"
    " WHERE id IN (SELECT id FROM (SELECT max(id) AS id FROM mdl_course_modules_completion"
    " WHERE completionstate > 0 AND userid IN :userids GROUP BY userid) AS latest)"
)
"""The latest activity of some learners, done or failed, the other way round."""

NEW_COURSE = (
    "INSERT INTO mdl_course (id, category, visible, enablecompletion, fullname, shortname)"
    " SELECT max(id) + 1, 1, 1, 1, 'New', 'new' FROM mdl_course"
)
NEW_INSTANCE = (
    "INSERT INTO mdl_enrol (id, enrol, status, courseid)"
    " SELECT max(id) + 1, 'manual', 0, (SELECT max(id) FROM mdl_course) FROM mdl_enrol"
)
"""That of the new course, in which nobody is enrolled yet."""
RENAMED = "UPDATE mdl_course SET fullname = 'Renamed' WHERE id = :courseid"


def nothing() -> None:
    """Leave Moodle as it is."""


def edit(moodle: Engine, *statements: str, **values: object) -> None:
    """Change something in Moodle."""
    with moodle.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), values)


def change(moodle: Engine, pairs: int, *, learners: tuple[int, int] = (0, 2**62)) -> None:
    """Move the state of about CHANGES completion rows of `learners`, lying all over them."""
    every = max(1, round(pairs * 4.7 / CHANGES)) if learners[0] == 0 else 1
    with moodle.begin() as connection:
        connection.execute(text(CHANGE), {"every": every, "first": learners[0], "last": learners[1]})


def change_learners(moodle: Engine, pairs: int, *, share: float) -> None:
    """Move the state of one completion row of each of some learners, taken at random."""
    learners = MoodleData(pairs).learners
    userids = random.Random(0).sample(range(FIRST_USER, FIRST_USER + learners), round(learners * share))
    with moodle.begin() as connection:
        connection.execute(text(LATEST).bindparams(bindparam("userids", expanding=True)), {"userids": userids})
