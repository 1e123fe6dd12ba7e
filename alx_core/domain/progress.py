"""What Moodle says about each learner's progress: which rows exist, and what they hold.

The rules are pure functions over frames of Moodle's rows, so they are the same for MariaDB, PostgreSQL and SQLite. The
measure is Moodle core; each function names the core class and method that it mirrors. Reading the frames is the
pipeline's work, writing the result is the store's.

A `Snapshot` maps Moodle's table names (without prefix) to frames; the columns are those of `SNAPSHOT_COLUMNS`. Times
are Unix epoch seconds, UTC; 0 means "none", as in Moodle.
"""

from collections.abc import Collection, Mapping

import polars as pl

from alx_core.domain.learners import Layout

Snapshot = Mapping[str, pl.DataFrame]

I64, TEXT = pl.Int64(), pl.String()

SNAPSHOT_COLUMNS: dict[str, dict[str, pl.DataType]] = {
    "user": {
        "id": I64, "deleted": I64, "suspended": I64,
        "username": TEXT, "firstname": TEXT, "lastname": TEXT, "email": TEXT,
    },
    "user_enrolments": {
        "userid": I64, "enrolid": I64, "status": I64, "timestart": I64, "timeend": I64, "timecreated": I64,
    },
    "course_modules_completion": {"userid": I64, "coursemoduleid": I64, "completionstate": I64, "timemodified": I64},
    "course_completions": {
        "userid": I64, "course": I64, "timeenrolled": I64, "timestarted": I64, "timecompleted": I64,
    },
    "company_users": {"userid": I64, "companyid": I64, "suspended": I64},
    "course": {"id": I64, "category": I64, "visible": I64, "enablecompletion": I64, "fullname": TEXT},
    "course_modules": {"id": I64, "course": I64, "module": I64, "completion": I64, "deletioninprogress": I64},
    "modules": {"id": I64, "visible": I64},
    "enrol": {"id": I64, "courseid": I64, "status": I64},
    "company": {"id": I64, "suspended": I64, "shortname": TEXT, "name": TEXT},
    "company_course": {"companyid": I64, "courseid": I64},
    "company_shared_courses": {"companyid": I64, "courseid": I64},
    "iomad_courses": {"courseid": I64, "shared": I64},
}  # fmt: skip
"""The columns that the rules read, per table. `modules` may be empty: then every module type counts as switched on."""

LEARNER_TABLES = ("user", "user_enrolments", "course_modules_completion", "course_completions", "company_users")
"""The tables with a row per learner; the others are the catalogue, small and the same for all learners."""

CHANGED_AT = {
    "user_enrolments": "timecreated",
    "course_modules_completion": "timemodified",
    "course_completions": "timecompleted",
}
"""The times at which learners were enrolled, did an activity or completed a course."""

KEY = ("companyid", "userid", "courseid")
CONTENT: dict[str, pl.DataType] = {
    "username": TEXT, "firstname": TEXT, "lastname": TEXT, "email": TEXT, "coursename": TEXT,
    "timecompleted": I64, "timestarted": I64, "timeenrolled": I64,
    "percentage_x100": I64, "status": TEXT, "activities_total": I64, "activities_completed": I64,
}  # fmt: skip
"""What a row says, besides its key. `percentage_x100` is hundredths of a percent, so that rounding is exact."""

GUEST = "guest"
"""User name of the account for visitors: `is_enrolled()` says of it that it "can not be enrolled anywhere"."""

DONE = (1, 2)
"""COMPLETION_COMPLETE and COMPLETION_COMPLETE_PASS; 3 (failed) and 4 (failed, hidden) are not done."""


def reporting_rows(snapshot: Snapshot, *, as_of: int, companyids: Collection[int] | None = None) -> pl.DataFrame:
    """Compute the rows that the reporting table must hold for the learners of `snapshot` at the instant `as_of`.

    One row per (companyid, userid, courseid), sorted by that key, with the columns of KEY and CONTENT. `companyids`
    restricts the companies.
    """
    pairs = _company_pairs(snapshot, as_of, companyids)
    modules = _modules(snapshot["course_modules"], snapshot["modules"])
    tracked = modules.filter("is_tracked").group_by("courseid").agg(pl.len().cast(I64).alias("tracked"))
    courses = snapshot["course"].select(
        pl.col("id").alias("courseid"),
        pl.col("fullname").fill_null("").alias("coursename"),
        (pl.col("enablecompletion") != 0).alias("is_enabled"),
    )
    people = snapshot["user"].select(
        pl.col("id").alias("userid"), pl.col("username", "firstname", "lastname", "email").fill_null("")
    )
    numbers = (
        pairs.join(courses.join(tracked, on="courseid", how="left").drop("coursename"), on="courseid")
        .join(_activity(snapshot["course_modules_completion"], modules), on=["userid", "courseid"], how="left")
        .join(_course_completions(snapshot["course_completions"]), on=["userid", "courseid"], how="left")
        .with_columns(pl.col("tracked", "done", "began", "first_at", "timecompleted", "timestarted").fill_null(0))
        .select(*KEY, *_figures())
        .sort(KEY)
    )
    # The texts come last: each join and the sort would copy them once more.
    texts = courses.select("courseid", "coursename")
    return (
        numbers.join(people, on="userid", maintain_order="left")
        .join(texts, on="courseid", maintain_order="left")
        .select(*KEY, *CONTENT)
    )


def next_changes(snapshot: Snapshot, *, as_of: int, layout: Layout) -> pl.DataFrame:
    """Return when time alone changes an enrolment's activity, for the first time after `as_of`: `index`, `valid_until`.

    Ranges in which it never does are left out. The instant is that of the nearest future `timestart` or `timeend`;
    until then a recomputation of unchanged tables gives the same rows. Source: `enrol_get_enrolment_end()` in Moodle's
    lib/enrollib.php, which looks at exactly these edges.
    """
    enrolments, index = snapshot["user_enrolments"], layout.index_of(pl.col("userid")).alias("index")
    edges = pl.concat(
        [enrolments.select(index, pl.col(each).alias("valid_until")) for each in ("timestart", "timeend")]
    )
    return edges.filter(pl.col("valid_until") > as_of).group_by("index").min()


def _company_pairs(snapshot: Snapshot, as_of: int, companyids: Collection[int] | None) -> pl.DataFrame:
    """The (companyid, userid, courseid) that exist, with `enrolled_at`, the earliest active enrolment's time."""
    is_learner = (pl.col("deleted") == 0) & (pl.col("suspended") == 0) & pl.col("username").ne_missing(GUEST)
    learners = snapshot["user"].filter(is_learner).select(userid="id")
    companies = snapshot["company"].select(companyid="id")
    if companyids is not None:
        companies = companies.filter(pl.col("companyid").is_in(list(companyids)))
    members = (
        snapshot["company_users"]
        .group_by("companyid", "userid")
        .agg(pl.col("suspended").min())  # several departments are one membership: suspended only when all are
        .filter(pl.col("suspended") == 0)
        .select("companyid", "userid")
        .join(companies, on="companyid", how="semi")
        .join(learners, on="userid", how="semi")
    )
    return (
        _active_enrolments(snapshot["user_enrolments"], snapshot["enrol"], as_of)
        .join(members, on="userid")
        .join(_company_courses(snapshot), on=["companyid", "courseid"], how="semi")
    )


def _active_enrolments(user_enrolments: pl.DataFrame, enrol: pl.DataFrame, as_of: int) -> pl.DataFrame:
    """Learner and course of every active enrolment: `is_enrolled($context, $user, '', true)` in lib/accesslib.php.

    It asks `enrol_get_enrolment_end()` in lib/enrollib.php: enrolment and instance enabled, begun, not ended. An end
    before its start is never active in either.
    """
    enabled = enrol.filter(pl.col("status") == 0).select(enrolid="id", courseid="courseid")
    has_begun = pl.col("timestart") <= as_of
    has_not_ended = (pl.col("timeend") == 0) | (pl.col("timeend") > as_of)
    since = pl.when(pl.col("timestart") > 0).then("timestart").otherwise("timecreated")
    return (
        user_enrolments.filter((pl.col("status") == 0) & has_begun & has_not_ended)
        .join(enabled, on="enrolid")
        .group_by("userid", "courseid")
        .agg(since.min().alias("enrolled_at"))
    )


def _company_courses(snapshot: Snapshot) -> pl.DataFrame:
    """Company and course of every visible course a company has: its own, open-shared, or shared with it (IOMAD).

    Some stand there several times.
    """
    own = snapshot["company_course"].select("companyid", "courseid")
    open_shared = snapshot["iomad_courses"].filter(pl.col("shared") == 1).select("courseid")
    everybody = snapshot["company"].select(companyid="id").join(open_shared, how="cross")
    shared_with = snapshot["company_shared_courses"].join(
        snapshot["iomad_courses"].select("courseid"), on="courseid", how="semi"
    )
    # The site course is the one in category 0: `get_site()` in lib/datalib.php.
    visible = snapshot["course"].filter((pl.col("visible") == 1) & (pl.col("category") != 0)).select(courseid="id")
    every = pl.concat([own, everybody, shared_with.select("companyid", "courseid")])
    return every.join(visible, on="courseid", how="semi")


def _modules(course_modules: pl.DataFrame, modules: pl.DataFrame) -> pl.DataFrame:
    """Modules with `is_tracked` as `completion_info::get_activities()` (lib/completionlib.php) tells them.

    Tracked are those with completion on, not being deleted, and listed by `get_fast_modinfo()`: `get_course_mods()`
    (lib/datalib.php) joins them with the types that are switched on (`modules.visible = 1`), so one of a type that the
    site does not have is left out too. Without any types, which may be unreadable, all are taken to be on.
    """
    switched_on = modules.filter(pl.col("visible") == 1)["id"].to_list()
    is_on = pl.lit(modules.is_empty()) | pl.col("module").is_in(switched_on)
    is_tracked = ((pl.col("completion") != 0) & (pl.col("deletioninprogress") == 0) & is_on).alias("is_tracked")
    return course_modules.select(pl.col("id").alias("coursemoduleid"), pl.col("course").alias("courseid"), is_tracked)


def _activity(completions: pl.DataFrame, modules: pl.DataFrame) -> pl.DataFrame:
    """Per learner and course: `done` and `began` tracked modules, and `first_at`, the first time of any state above 0.

    Source: the loop of `core_completion\\progress::get_course_progress_percentage()`.
    """
    state, is_tracked = pl.col("completionstate"), pl.col("is_tracked")
    return (
        completions.filter(state > 0)
        .join(modules, on="coursemoduleid")
        .group_by("userid", "courseid")
        .agg(
            (is_tracked & state.is_in(DONE)).sum().cast(I64).alias("done"),
            is_tracked.sum().cast(I64).alias("began"),
            pl.col("timemodified").min().alias("first_at"),
        )
    )


def _course_completions(course_completions: pl.DataFrame) -> pl.DataFrame:
    """The learner's record of the course as a whole; `timecompleted` is what `is_course_complete()` looks at.

    Moodle keeps one. A copy without its unique index may hold several: the latest times, so that a completion counts.
    """
    return course_completions.group_by("userid", pl.col("course").alias("courseid")).agg(
        pl.col("timecompleted").max().fill_null(0).clip(lower_bound=0),
        pl.col("timestarted", "timeenrolled").max(),
    )


def _figures() -> list[pl.Expr]:
    """The expressions behind the columns of CONTENT that are worked out, not copied.

    percentage: `core_completion\\progress::get_course_progress_percentage()`: null when completion is off; 100 when
    the course is complete; null when nothing is tracked; else done / tracked, rounded half up to hundredths as SQL's
    DECIMAL and PHP's round() do. The status follows the rows even where completion is switched off.
    """
    is_complete = pl.col("timecompleted") > 0
    tracked, done, is_enabled = pl.col("tracked"), pl.col("done"), pl.col("is_enabled")
    share_x100 = (done * 20_000 + tracked) // (tracked * 2)  # half up: floor(10000 * done / tracked + 1/2)
    first_of = pl.when
    return [
        pl.col("timecompleted"),
        first_of(pl.col("timestarted") > 0).then("timestarted").otherwise("first_at").alias("timestarted"),
        first_of(pl.col("timeenrolled") > 0).then("timeenrolled").otherwise("enrolled_at").alias("timeenrolled"),
        pl.when(is_enabled & is_complete).then(10_000).when(is_enabled & (tracked > 0)).then(share_x100)
        .cast(I64).alias("percentage_x100"),
        pl.when(is_complete).then(pl.lit("completed")).when(pl.col("began") > 0).then(pl.lit("in_progress"))
        .otherwise(pl.lit("not_started")).alias("status"),
        pl.when(is_enabled).then(tracked).otherwise(0).alias("activities_total"),
        pl.when(is_enabled).then(done).otherwise(0).alias("activities_completed"),
    ]  # fmt: skip
