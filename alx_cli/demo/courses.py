"""The demo's courses: their modules, enrolment instances and completion criteria."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from alx_cli.demo.catalogue import COURSES, CourseProfile, Trait
from alx_cli.demo.columns import BoolArray, IntArray, Row, SiteTable
from alx_cli.demo.work_clock import DAY_S

SITE_COURSE_ID = 1
ENROL_METHODS = ("manual", "guest", "self", "license")
"""The instances that IOMAD adds to each course, in this order; the guest's has no enrolments."""
MANUAL, SELF, LICENSE = 0, 2, 3

FEWEST_TRACKED, MOST_TRACKED = 5, 15
"""Modules of a course that count towards its completion."""

STUDENT_ROLE_ID = 5
CRITERIA_SELF, CRITERIA_ACTIVITY = 1, 4
"""COMPLETION_CRITERIA_TYPE_SELF and _ACTIVITY of Moodle's completion/criteria/completion_criteria.php."""
COMPLETION_NONE, COMPLETION_MANUAL, COMPLETION_AUTOMATIC = 0, 1, 2

MODULE_TYPES: dict[str, bool] = {
    "assign": True, "assignment": False, "bigbluebuttonbn": False, "book": True, "chat": True, "choice": True,
    "data": True, "feedback": True, "folder": True, "forum": True, "glossary": True, "h5pactivity": True,
    "imscp": True, "iomadcertificate": True, "label": True, "lesson": True, "lti": True, "page": True, "quiz": True,
    "resource": True, "scorm": True, "survey": True, "trainingevent": True, "url": True, "wiki": True,
    "workshop": True,
}  # fmt: skip
"""Module types of IOMAD 4.1 in the order of their ids, and whether the site has them switched on."""

_TYPE_IDS = {name: number for number, name in enumerate(MODULE_TYPES, start=1)}
_LESSONS = ("page", "scorm", "resource", "quiz", "url", "h5pactivity", "book", "assign", "feedback", "lesson")
_GRADED = frozenset({"quiz", "assign"})


def course_id(course: int) -> int:
    """Return the id of the course at a position of `catalogue.COURSES`; the site course stands before them."""
    return course + SITE_COURSE_ID + 1


def course_ids(course: IntArray) -> IntArray:
    """Return the ids of many courses, as `course_id` of one."""
    return course + (SITE_COURSE_ID + 1)


@cache
def courses_with(trait: Trait) -> tuple[int, ...]:
    """Return the positions of the courses with a trait."""
    return tuple(position for position, profile in enumerate(COURSES) if trait in profile.traits)


def enrol_id(course: IntArray, method: IntArray) -> IntArray:
    """Return the ids of the enrolment instances of courses (positions) and methods (positions in ENROL_METHODS)."""
    return course * len(ENROL_METHODS) + method + 1


@dataclass(frozen=True, slots=True)
class Module:
    """A row of course_modules. A step is a module that learners leave completion rows at."""

    type: str
    completion: int
    is_visible: bool = True
    is_being_deleted: bool = False
    is_step: bool = True


@dataclass(frozen=True, slots=True)
class Courses:
    """The tables about courses, and each course's steps in the order in which people take them.

    The steps of the course at position `c` are `step_moduleid[first_step[c] : first_step[c + 1]]`; the last one is
    what its completion asks for (`criteriaid`, 0 for none).
    """

    tables: list[SiteTable]
    first_step: IntArray
    step_moduleid: IntArray
    step_is_graded: BoolArray
    criteriaid: IntArray


def make_courses(dice: np.random.Generator, *, now: int) -> Courses:
    """Make all courses with their modules."""
    created = np.sort(dice.integers(now - 1_400 * DAY_S, now - 500 * DAY_S, size=len(COURSES))).tolist()
    contents = [_contents(dice, profile) for profile in COURSES]
    module_rows: list[Row] = []
    criteria_rows: list[Row] = []
    steps: list[tuple[int, bool]] = []
    first_step = [0]
    instances = dict.fromkeys(MODULE_TYPES, 0)
    for course, modules in enumerate(contents):
        for module in modules:
            instances[module.type] += 1
            module_id = len(module_rows) + 1
            module_rows.append(_module_row(module_id, course, module, instances[module.type], created[course]))
            if module.is_step:
                steps.append((module_id, module.type in _GRADED))
        first_step.append(len(steps))
        last = modules[-1] if modules[-1].is_step else None
        criteria_rows.append(_criteria_row(course, None if last is None else (last.type, len(module_rows))))
    return Courses(
        tables=[
            *_course_tables(created),
            ("course_modules", _MODULE_COLUMNS, module_rows),
            ("course_completion_criteria", ["id", "course", "criteriatype", "module", "moduleinstance"], criteria_rows),
        ],
        first_step=np.array(first_step, dtype=np.int64),
        step_moduleid=np.array([step[0] for step in steps], dtype=np.int64),
        step_is_graded=np.array([step[1] for step in steps], dtype=np.bool_),
        criteriaid=np.array([row[0] for row in criteria_rows], dtype=np.int64),
    )


def _contents(dice: np.random.Generator, profile: CourseProfile) -> list[Module]:
    """Choose a course's modules: announcements, tracked ones with a test at the end, and the odd ones."""
    announcements = Module("forum", COMPLETION_NONE, is_step=False)
    label = Module("label", COMPLETION_NONE, is_step=False)
    if Trait.NOTHING_TRACKED in profile.traits:
        return [announcements, *(Module(type_, COMPLETION_NONE, is_step=False) for type_ in ("page", "url", "folder"))]
    lessons = FEWEST_TRACKED - 1 + int(dice.beta(1.1, 2.4) * (MOST_TRACKED - FEWEST_TRACKED + 1))
    tracked = [_tracked(_LESSONS[turn % len(_LESSONS)]) for turn in range(lessons)]
    if Trait.HIDDEN_MODULE in profile.traits:
        tracked[1] = Module("page", COMPLETION_AUTOMATIC, is_visible=False)
    odd = []
    if Trait.MODULE_BEING_DELETED in profile.traits:
        odd.append(Module("resource", COMPLETION_AUTOMATIC, is_being_deleted=True))
    if Trait.UNTRACKED_PROGRESS in profile.traits:
        odd.append(Module("page", COMPLETION_NONE))
    return [
        announcements,
        label,
        *tracked[:2],
        *odd,
        *tracked[2:],
        _tracked("quiz" if dice.random() < 0.8 else "assign"),
    ]


def _tracked(type_: str) -> Module:
    return Module(type_, COMPLETION_MANUAL if type_ in ("page", "url", "resource") else COMPLETION_AUTOMATIC)


_MODULE_COLUMNS = [
    "id", "course", "module", "instance", "section", "idnumber", "added", "visible", "visibleold", "completion",
    "completiongradeitemnumber", "completionview", "completionpassgrade", "deletioninprogress",
]  # fmt: skip


def _module_row(module_id: int, course: int, module: Module, instance: int, added: int) -> Row:
    is_graded = module.type in _GRADED and module.completion == COMPLETION_AUTOMATIC
    is_viewed = module.completion == COMPLETION_AUTOMATIC and not is_graded
    section = course * 5 + module_id % 4 + 1
    return (
        module_id, course_id(course), _TYPE_IDS[module.type], instance, section, "", added + instance % 3_600,
        int(module.is_visible), int(module.is_visible), module.completion, 0 if is_graded else None, int(is_viewed),
        int(is_graded), int(module.is_being_deleted),
    )  # fmt: skip


def _criteria_row(course: int, last: tuple[str, int] | None) -> Row:
    """Completion asks for the last module, or, where nothing is tracked, for the learner's own word."""
    if last is None:
        return course + 1, course_id(course), CRITERIA_SELF, None, None
    return course + 1, course_id(course), CRITERIA_ACTIVITY, *last


_COURSE_COLUMNS = [
    "id", "category", "sortorder", "fullname", "shortname", "summary", "summaryformat", "format", "newsitems",
    "startdate", "visible", "visibleold", "timecreated", "timemodified", "enablecompletion", "cacherev",
    "showcompletionconditions",
]  # fmt: skip


def _course_tables(created: list[int]) -> list[SiteTable]:
    site: Row = (
        SITE_COURSE_ID, 0, 1, "ALX Learning", "alx", "", 0, "site", 3, 0, 1, 1, created[0] - DAY_S, created[0] - DAY_S,
        0, created[-1], None,
    )  # fmt: skip
    rows = [site, *(_course_row(course, profile, created[course]) for course, profile in enumerate(COURSES))]
    modules = [(_TYPE_IDS[name], name, int(is_on)) for name, is_on in MODULE_TYPES.items()]
    return [
        ("course", _COURSE_COLUMNS, rows),
        ("modules", ["id", "name", "visible"], modules),
        ("iomad_courses", ["id", "courseid", "licensed", "shared", "validlength"], _iomad_rows()),
        ("enrol", _ENROL_COLUMNS, list(_enrol_rows(created))),
    ]


def _course_row(course: int, profile: CourseProfile, created: int) -> Row:
    is_visible = int(Trait.HIDDEN not in profile.traits)
    has_completion = int(Trait.COMPLETION_OFF not in profile.traits)
    return (
        course_id(course), 1, 10_000 + course, profile.name, f"ALX-{course_id(course):03}", "", 1, "topics", 1,
        created, is_visible, is_visible, created, created, has_completion, created + DAY_S, has_completion or None,
    )  # fmt: skip


def _iomad_rows() -> list[Row]:
    rows: list[Row] = []
    for course, profile in enumerate(COURSES):
        if not profile.traits & {Trait.NO_COMPANY, Trait.NO_IOMAD_ROW}:
            shared = 1 if Trait.OPEN_SHARED in profile.traits else 2 * (Trait.SHARED_WITH_SOME in profile.traits)
            is_licensed = Trait.LICENSED in profile.traits
            rows.append((len(rows) + 1, course_id(course), int(is_licensed), shared, 365 * is_licensed))
    return rows


_ENROL_COLUMNS = ["id", "enrol", "status", "courseid", "sortorder", "roleid", "timecreated", "timemodified"]


def _enrol_rows(created: list[int]) -> Iterator[Row]:
    """Four instances a course. Status 1 is disabled: guest always, licence and manual depending on the course."""
    for course, profile in enumerate(COURSES):
        disabled = {
            "manual": Trait.MANUAL_DISABLED in profile.traits,
            "guest": True,
            "self": False,
            "license": Trait.LICENSED not in profile.traits,
        }
        for method, name in enumerate(ENROL_METHODS):
            id_, role = course * len(ENROL_METHODS) + method + 1, 0 if name == "guest" else STUDENT_ROLE_ID
            yield (id_, name, int(disabled[name]), course_id(course), method, role, created[course], created[course])
