"""Every way in which a Moodle changes, as SQL on the real site.

`TIMELESS` leave no timestamp behind: only a comparison of everything finds them. `STAMPED` set one, as Moodle does.
Ids are the real site's; each statement is plain enough for MariaDB, PostgreSQL and SQLite.
"""

from support.site import AS_OF

HOUR = 3600
NOW = AS_OF

TIMELESS: dict[str, tuple[str, ...]] = {
    "a learner is unenrolled": ("DELETE FROM mdl_user_enrolments WHERE userid = 3 AND enrolid = 1",),
    "a learner is unenrolled everywhere": ("DELETE FROM mdl_user_enrolments WHERE userid = 8",),
    "a learner moves to another company": ("UPDATE mdl_company_users SET companyid = 3 WHERE userid = 9",),
    "a learner joins a second company": (
        "INSERT INTO mdl_company_users (companyid, userid, managertype, departmentid, suspended, educator)"
        " VALUES (2, 44, 0, 2, 0, 0)",
    ),
    "a learner leaves the company": ("DELETE FROM mdl_company_users WHERE userid = 11",),
    "a membership is suspended": ("UPDATE mdl_company_users SET suspended = 1 WHERE userid = 12",),
    "one department of two is suspended": (
        "INSERT INTO mdl_company_users (companyid, userid, managertype, departmentid, suspended, educator)"
        " VALUES (1, 43, 0, 777, 1, 0)",
    ),
    "all suspended memberships are lifted": ("UPDATE mdl_company_users SET suspended = 0",),
    "a course leaves the company": ("DELETE FROM mdl_company_course WHERE companyid = 1 AND courseid = 2",),
    "a company gets another course": (
        "INSERT INTO mdl_company_course (companyid, courseid, departmentid) VALUES (1, 20, 1)",
    ),
    "a course is shared with everybody": ("UPDATE mdl_iomad_courses SET shared = 1 WHERE courseid = 13",),
    "a course is shared with one company": (
        "UPDATE mdl_iomad_courses SET shared = 2 WHERE courseid = 14",
        "INSERT INTO mdl_company_shared_courses (companyid, courseid) VALUES (1, 14)",
    ),
    "sharing a course that IOMAD does not know": (
        "DELETE FROM mdl_iomad_courses WHERE courseid = 15",
        "INSERT INTO mdl_company_shared_courses (companyid, courseid) VALUES (1, 15)",
    ),
    "an activity is removed": ("DELETE FROM mdl_course_modules WHERE id = 2",),
    "an activity is being deleted": ("UPDATE mdl_course_modules SET deletioninprogress = 1 WHERE id = 4",),
    "an activity no longer counts": ("UPDATE mdl_course_modules SET completion = 0 WHERE id = 3",),
    "a hidden activity counts as before": ("UPDATE mdl_course_modules SET visible = 0 WHERE id = 5",),
    "a module type is switched off": ("UPDATE mdl_modules SET visible = 0 WHERE name = 'page'",),
    "a course is reset": (
        "DELETE FROM mdl_course_modules_completion WHERE coursemoduleid IN"
        " (SELECT id FROM mdl_course_modules WHERE course = 3)",
        "DELETE FROM mdl_course_completions WHERE course = 3",
    ),
    "one completion is taken back": ("DELETE FROM mdl_course_modules_completion WHERE userid = 6",),
    "a course completion is undone": (
        "UPDATE mdl_course_completions SET timecompleted = NULL WHERE course = 6 OR course = 7",
    ),
    "a course completion vanishes": ("DELETE FROM mdl_course_completions WHERE userid = 6",),
    "a course is deleted": (
        "DELETE FROM mdl_course WHERE id = 12",
        "DELETE FROM mdl_course_modules WHERE course = 12",
        "DELETE FROM mdl_company_course WHERE courseid = 12",
    ),
    "a company is renamed": ("UPDATE mdl_company SET name = 'Renamed', shortname = 'renamed' WHERE id = 4",),
    "a company is deleted": (
        "DELETE FROM mdl_company WHERE id = 3",
        "DELETE FROM mdl_company_users WHERE companyid = 3",
        "DELETE FROM mdl_company_course WHERE companyid = 3",
    ),
    "a user's row is purged": ("DELETE FROM mdl_user WHERE id = 14",),
    "done and failed are swapped": (
        "UPDATE mdl_course_modules_completion SET completionstate = 4 - completionstate"
        " WHERE completionstate IN (1, 3) AND userid < 60",
    ),
}

STAMPED: dict[str, tuple[str, ...]] = {
    "a learner is enrolled": (
        "INSERT INTO mdl_user_enrolments"
        " (status, enrolid, userid, timestart, timeend, modifierid, timecreated, timemodified)"
        f" VALUES (0, 1, 4, {NOW - 60}, 0, 2, {NOW - 60}, {NOW - 60})",
        "UPDATE mdl_company_users SET companyid = 1 WHERE userid = 460",
    ),
    "an enrolment is suspended": (
        f"UPDATE mdl_user_enrolments SET status = 1, timemodified = {NOW - 60} WHERE userid = 15",
    ),
    "suspended enrolments are lifted": (
        f"UPDATE mdl_user_enrolments SET status = 0, timemodified = {NOW - 60} WHERE status = 1",
    ),
    "an enrolment is given an end": (
        f"UPDATE mdl_user_enrolments SET timeend = {NOW + 5 * HOUR}, timemodified = {NOW - 60} WHERE userid = 16",
    ),
    "an enrolment is put off": (
        f"UPDATE mdl_user_enrolments SET timestart = {NOW + 5 * HOUR}, timemodified = {NOW - 60} WHERE userid = 17",
    ),
    "an enrolment has ended": (
        f"UPDATE mdl_user_enrolments SET timeend = {NOW - 60}, timemodified = {NOW - 60} WHERE userid = 18",
    ),
    "a way into a course is switched off": (
        f"UPDATE mdl_enrol SET status = 1, timemodified = {NOW - 60} WHERE courseid = 4",
    ),
    "all ways into a course are switched on": (
        f"UPDATE mdl_enrol SET status = 0, timemodified = {NOW - 60} WHERE courseid = 18",
    ),
    "an activity is done": (
        f"UPDATE mdl_course_modules_completion SET completionstate = 1, timemodified = {NOW - 60} WHERE userid = 6",
    ),
    "an activity is failed": (
        f"UPDATE mdl_course_modules_completion SET completionstate = 3, timemodified = {NOW - 60} WHERE userid = 22",
    ),
    "an activity is begun": (
        "INSERT INTO mdl_course_modules_completion (coursemoduleid, userid, completionstate, timemodified)"
        f" SELECT id, 3, 1, {NOW - 60} FROM mdl_course_modules WHERE course = 3",
    ),
    "a course is completed": (f"UPDATE mdl_course_completions SET timecompleted = {NOW - 60} WHERE userid = 3",),
    "a course completion appears": (
        "INSERT INTO mdl_course_completions (userid, course, timeenrolled, timestarted, timecompleted, reaggregate)"
        f" SELECT u.id, 5, 0, {NOW - 90}, {NOW - 60}, 0 FROM mdl_user u WHERE u.id = 3",
    ),
    "a learner is renamed": (
        f"UPDATE mdl_user SET firstname = 'Renée', email = 'new@example.com', timemodified = {NOW - 60} WHERE id = 43",
    ),
    "a learner is suspended": (f"UPDATE mdl_user SET suspended = 1, timemodified = {NOW - 60} WHERE id = 45",),
    "all suspended users are lifted": (f"UPDATE mdl_user SET suspended = 0, timemodified = {NOW - 60}",),
    "a learner is deleted": (
        f"UPDATE mdl_user SET deleted = 1, email = 'f00', timemodified = {NOW - 60} WHERE id = 46",
        "DELETE FROM mdl_user_enrolments WHERE userid = 46",
        "DELETE FROM mdl_company_users WHERE userid = 46",
    ),
    "a course is renamed": (f"UPDATE mdl_course SET fullname = 'A & B', timemodified = {NOW - 60} WHERE id = 2",),
    "a course is hidden": (f"UPDATE mdl_course SET visible = 0, timemodified = {NOW - 60} WHERE id = 8",),
    "a hidden course is shown": (f"UPDATE mdl_course SET visible = 1, timemodified = {NOW - 60} WHERE id = 6",),
    "completion is switched off": (
        f"UPDATE mdl_course SET enablecompletion = 0, timemodified = {NOW - 60} WHERE id = 13",
    ),
    "completion is switched on": (
        f"UPDATE mdl_course SET enablecompletion = 1, timemodified = {NOW - 60} WHERE id = 5",
        "UPDATE mdl_course_modules SET completion = 1 WHERE course = 5",
    ),
}

EVERY = {**TIMELESS, **STAMPED}


def every_second(kind: str) -> list[tuple[str, tuple[str, ...]]]:
    """Half of the changes for PostgreSQL, the other half for MariaDB: SQLite takes all, and rules know no database."""
    return list(EVERY.items())[int(kind == "postgresql") :: 2]
