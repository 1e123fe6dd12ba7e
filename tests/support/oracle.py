"""Moodle core's answer, pair by pair, written as plainly as core's PHP: slow, obvious, and independent of the rules.

It reads a Moodle's tables and asks, for every company, member and course, what core's functions would say.
"""

from collections import defaultdict
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine, text

from support.site import Key, rows_of

TABLES = (
    "user", "course", "course_modules", "course_modules_completion", "course_completions", "enrol", "user_enrolments",
    "company", "company_users", "company_course", "company_shared_courses", "iomad_courses", "modules",
)  # fmt: skip
Row = dict[str, Any]


def oracle(engine: Engine, now: int) -> dict[Key, Row]:
    """Every row the reporting table must hold at `now`, with its content, by (companyid, userid, courseid)."""
    with engine.connect() as connection:
        tables = {name: rows_of(connection.execute(text(f"SELECT * FROM mdl_{name}"))) for name in TABLES}
    return oracle_of(tables, now)


def oracle_of(tables: Mapping[str, list[Row]], now: int) -> dict[Key, Row]:
    """The same of the tables' rows, by table."""
    m = SimpleNamespace(**tables)
    courses = {c["id"]: c for c in m.course}
    rows: dict[Key, Row] = {}
    modules_by_course = defaultdict(list)
    types = {t["id"]: t for t in m.modules}
    for cm in m.course_modules:
        modules_by_course[cm["course"]].append(cm)
    states = {(c["userid"], c["coursemoduleid"]): c for c in m.course_modules_completion}
    course_completion = {(c["userid"], c["course"]): c for c in m.course_completions}
    enrolled = defaultdict(list)
    instances = {e["id"]: e for e in m.enrol}
    for ue in m.user_enrolments:
        if ue["enrolid"] in instances:
            enrolled[ue["userid"], instances[ue["enrolid"]]["courseid"]].append(ue)
    memberships = defaultdict(list)
    for each in m.company_users:
        memberships[each["companyid"], each["userid"]].append(each)
    courses_of = {company["id"]: _courses_of(m, company["id"]) for company in m.company}
    for company in m.company:
        for user in m.user:
            departments = memberships[company["id"], user["id"]]
            if not departments or all(d["suspended"] for d in departments) or user["deleted"] or user["suspended"]:
                continue
            if user["username"] == "guest":  # is_enrolled()
                continue
            for courseid in courses_of[company["id"]]:
                course = courses.get(courseid)
                if course is None or not course["visible"] or course["category"] == 0:
                    continue
                active = [ue for ue in enrolled[user["id"], courseid] if _is_active(ue, instances, now)]
                if active:
                    tracked = _activities(modules_by_course[courseid], types)
                    every = modules_by_course[courseid]
                    found = course_completion.get((user["id"], courseid))
                    rows[company["id"], user["id"], courseid] = _content(
                        user, course, tracked, every, states, found, active
                    )
    return rows


def _courses_of(m: SimpleNamespace, companyid: int) -> set[int]:
    known = {i["courseid"] for i in m.iomad_courses}
    own = {c["courseid"] for c in m.company_course if c["companyid"] == companyid}
    opened = {i["courseid"] for i in m.iomad_courses if i["shared"] == 1}
    shared = {s["courseid"] for s in m.company_shared_courses if s["companyid"] == companyid} & known
    return own | opened | shared


def _is_active(ue: Row, instances: dict[int, Row], now: int) -> bool:
    if ue["status"] != 0 or instances[ue["enrolid"]]["status"] != 0:
        return False
    return ue["timestart"] <= now and (ue["timeend"] == 0 or ue["timeend"] > now)


def _activities(modules: list[Row], types: dict[int, Row]) -> list[Row]:
    """get_course_mods(): an inner join with the types, those switched on. Without the table nobody knows them."""
    switched_on = {each for each, row in types.items() if row["visible"] == 1}
    return [
        cm
        for cm in modules
        if cm["completion"] and not cm["deletioninprogress"] and (not types or cm["module"] in switched_on)
    ]


def _content(
    user: Row,
    course: Row,
    tracked: list[Row],
    every: list[Row],
    states: dict[tuple[int, int], Row],
    completion: Row | None,
    active: list[Row],
) -> Row:
    state = {cm["id"]: states.get((user["id"], cm["id"])) for cm in every}
    reached = {cm["id"]: (state[cm["id"]] or {"completionstate": 0})["completionstate"] for cm in every}
    done = sum(reached[cm["id"]] in (1, 2) for cm in tracked)
    began = any(reached[cm["id"]] > 0 for cm in tracked)
    timecompleted = (completion or {}).get("timecompleted") or 0
    times = [each["timemodified"] for each in state.values() if each and each["completionstate"] > 0]
    enabled = bool(course["enablecompletion"])
    if not enabled:
        percentage = None
    elif timecompleted > 0:
        percentage = 100.0
    elif not tracked:
        percentage = None
    else:
        share = Decimal(100 * done) / Decimal(len(tracked))
        percentage = float(share.quantize(Decimal("0.01"), ROUND_HALF_UP))
    return {
        **{name: user[name] for name in ("username", "firstname", "lastname", "email")},
        "coursename": course["fullname"],
        "timecompleted": timecompleted,
        "timestarted": (completion or {}).get("timestarted") or min(times, default=0),
        "timeenrolled": (completion or {}).get("timeenrolled")
        or min(ue["timestart"] or ue["timecreated"] for ue in active),
        "percentage": percentage,
        "status": "completed" if timecompleted > 0 else "in_progress" if began else "not_started",
        "activities_total": len(tracked) if enabled else 0,
        "activities_completed": done if enabled else 0,
    }
