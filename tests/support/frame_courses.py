"""Two courses in a Moodle of frames, and edits of them with the number of learner ranges that each concerns."""

from support.builders import (
    COMPANY,
    COURSE,
    ENROL,
    Row,
    make_course,
    make_enrol,
    make_module,
    make_module_completion,
    make_user_enrolment,
)
from support.frame_site import BETA, IDS

NEXT, NEXT_ENROL, NEXT_MODULE = COURSE + 1, ENROL + 1, 7
"""A second course, in which learner 300 alone is enrolled."""


def catalogue(**rows: list[Row]) -> dict[str, list[Row]]:
    """Two courses of both companies, with other rows in the tables that are named."""
    return {
        "course": [make_course(), make_course(id=NEXT, fullname="Next")],
        "enrol": [make_enrol(), make_enrol(id=NEXT_ENROL, courseid=NEXT)],
        "course_modules": [make_module(), make_module(id=NEXT_MODULE, course=NEXT)],
        "company_course": [{"companyid": c, "courseid": each} for c in (COMPANY, BETA) for each in (COURSE, NEXT)],
        "iomad_courses": [{"courseid": each, "shared": 0} for each in (COURSE, NEXT)],
        "user_enrolments": [
            *(make_user_enrolment(userid=each) for each in IDS),
            make_user_enrolment(userid=300, enrolid=NEXT_ENROL),
        ],
        "course_modules_completion": [
            make_module_completion(userid=300),
            make_module_completion(userid=300, coursemoduleid=NEXT_MODULE),
        ],
        **rows,
    }


EDITS: dict[str, tuple[int, dict[str, list[Row]]]] = {
    "nobody's course": (0, {"course": [*catalogue()["course"], make_course(id=99)]}),
    "an activity of nobody's": (0, {"course_modules": [*catalogue()["course_modules"], make_module(id=8, course=99)]}),
    "a title": (1, {"course": [make_course(), make_course(id=NEXT, fullname="Other")]}),
    "hidden": (1, {"course": [make_course(), make_course(id=NEXT, visible=0)]}),
    "an activity": (1, {"course_modules": [*catalogue()["course_modules"], make_module(id=8, course=NEXT)]}),
    "taken from a company": (1, {"company_course": catalogue()["company_course"][:3]}),
    "switched off": (1, {"enrol": [make_enrol(), make_enrol(id=NEXT_ENROL, courseid=NEXT, status=1)]}),
    "its instance gone": (1, {"enrol": [make_enrol()]}),
    "its instance of another course": (3, {"enrol": [make_enrol(), make_enrol(id=NEXT_ENROL)]}),
    "an activity of another course": (3, {"course_modules": [make_module(), make_module(id=NEXT_MODULE)]}),
    "everybody's course": (3, {"course": [make_course(fullname="Other"), make_course(id=NEXT, fullname="Next")]}),
    "open to all": (1, {"iomad_courses": [{"courseid": COURSE, "shared": 0}, {"courseid": NEXT, "shared": 1}]}),
}
