"""The tables of Moodle that Dagit shows. Apart from the queries on them, which load what a sync computes with."""

CHANGE_COLUMN: dict[str, str | None] = {
    "user": "timemodified",
    "course": "timemodified",
    "course_modules": "added",
    "course_modules_completion": "timemodified",
    "course_completions": "timecompleted",
    "enrol": "timemodified",
    "user_enrolments": "timemodified",
    "company": None,
    "company_users": None,
    "company_course": None,
    "company_shared_courses": None,
    "iomad_courses": None,
    "external_tokens": "timecreated",
    "external_services": "timemodified",
}
"""The tables shown in Dagit, with the column that says when a row last changed, where Moodle keeps one."""

REPORTING_TABLES = tuple(name for name in CHANGE_COLUMN if not name.startswith("external_"))
"""The tables that the reporting table is made from."""
