"""What the sync is measured against: the limit (one INSERT..SELECT inside Moodle's database) and the usual pipelines.

    python benchmarks/contenders.py pandas MOODLE_URL REPORTING_URL
    python benchmarks/contenders.py dlt MOODLE_URL REPORTING_URL

run a pipeline as a process of its own. `dlt` needs an interpreter of its own, because it is no dependency of ours:

    python -m venv DIR
    DIR/bin/pip install 'dlt[postgres,sql-database]' connectorx pyarrow adbc-driver-postgresql pymysql

(or `make bench-peers`, into var/peers/dlt); sync.py takes it as `--dlt-python DIR/bin/python`. dlt only moves the
tables, where the others also work out the rows.
"""

import os
import sys
import tempfile
import time

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

LEARNER_TABLES = ("user", "user_enrolments", "course_modules_completion", "course_completions", "company_users")
CATALOGUE = ("course", "course_modules", "enrol")
MAKE_REPORT = """
CREATE TABLE bench_report (
  companyid bigint NOT NULL, userid bigint NOT NULL, courseid bigint NOT NULL,
  firstname varchar(100), lastname varchar(100), email varchar(100), coursename varchar(254),
  timecompleted bigint, timestarted bigint, percentage numeric(5, 2), status varchar(16), updated_at bigint,
  PRIMARY KEY (companyid, userid, courseid))
"""
INSERT_SELECT = """
INSERT INTO bench_report
SELECT member.companyid, enrolled.userid, enrolled.courseid, u.firstname, u.lastname, u.email, c.fullname,
  coalesce(whole.timecompleted, 0), coalesce(whole.timestarted, activity.first_at, 0),
  CASE WHEN whole.timecompleted > 0 THEN 100
    WHEN course.tracked > 0 THEN round(100.0 * coalesce(activity.done, 0) / course.tracked, 2) END,
  CASE WHEN whole.timecompleted > 0 THEN 'completed'
    WHEN activity.first_at > 0 THEN 'in_progress' ELSE 'not_started' END,
  1795500000
FROM (SELECT ue.userid, e.courseid FROM mdl_user_enrolments ue JOIN mdl_enrol e ON e.id = ue.enrolid
      WHERE ue.status = 0 AND e.status = 0 AND (ue.timeend = 0 OR ue.timeend > 1795500000)
      GROUP BY ue.userid, e.courseid) enrolled
JOIN mdl_user u ON u.id = enrolled.userid AND u.deleted = 0 AND u.suspended = 0
JOIN mdl_company_users member ON member.userid = u.id
JOIN mdl_course c ON c.id = enrolled.courseid
LEFT JOIN (SELECT course, count(*) AS tracked FROM mdl_course_modules
           WHERE completion > 0 AND deletioninprogress = 0 GROUP BY course) course ON course.course = c.id
LEFT JOIN (SELECT done.userid, cm.course, min(done.timemodified) AS first_at,
             sum(CASE WHEN done.completionstate IN (1, 2) THEN 1 ELSE 0 END) AS done
           FROM mdl_course_modules_completion done
           JOIN mdl_course_modules cm ON cm.id = done.coursemoduleid AND cm.completion > 0
           WHERE done.completionstate > 0 GROUP BY done.userid, cm.course) activity
  ON activity.userid = enrolled.userid AND activity.course = enrolled.courseid
LEFT JOIN mdl_course_completions whole ON whole.userid = enrolled.userid AND whole.course = enrolled.courseid
"""


def insert_select(moodle: Engine) -> float:
    """Build the rows inside Moodle's own database, key present; return the seconds."""
    with moodle.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS bench_report"))
        connection.execute(text(MAKE_REPORT))
    begun = time.perf_counter()
    with moodle.begin() as connection:
        connection.execute(text(INSERT_SELECT))
    seconds = time.perf_counter() - begun
    with moodle.begin() as connection:
        connection.execute(text("DROP TABLE bench_report"))
    return seconds


def run_pandas(moodle_url: str, reporting_url: str) -> None:
    """Read whole tables, merge, write with `to_sql`: what most people would write first."""
    import pandas as pd  # noqa: PLC0415  # the other contender's interpreter has none

    moodle, reporting = create_engine(moodle_url), create_engine(reporting_url)
    frames = {name: pd.read_sql(f"SELECT * FROM mdl_{name}", moodle) for name in (*LEARNER_TABLES, *CATALOGUE)}
    enrolments = frames["user_enrolments"].merge(frames["enrol"][["id", "courseid"]], left_on="enrolid", right_on="id")
    pairs = enrolments[["userid", "courseid"]].drop_duplicates()
    modules = frames["course_modules"].query("completion > 0 and deletioninprogress == 0")
    done = frames["course_modules_completion"].query("completionstate > 0").merge(
        modules[["id", "course"]], left_on="coursemoduleid", right_on="id"
    )  # fmt: skip
    done["done"] = done["completionstate"].isin([1, 2])
    activity = done.groupby(["userid", "course"], as_index=False).agg(
        done=("done", "sum"), first_at=("timemodified", "min")
    )
    tracked = modules.groupby("course").size().rename("tracked").reset_index()
    people = frames["user"].query("deleted == 0 and suspended == 0")[["id", "firstname", "lastname", "email"]]
    keys = {"left_on": ["userid", "courseid"], "right_on": ["userid", "course"], "how": "left"}
    report = (
        pairs.merge(people.rename(columns={"id": "userid"}), on="userid")
        .merge(frames["company_users"][["companyid", "userid"]], on="userid")
        .merge(frames["course"][["id", "fullname"]].rename(columns={"id": "courseid"}), on="courseid")
        .merge(tracked.rename(columns={"course": "courseid"}), on="courseid", how="left")
        .merge(activity, **keys)
        .merge(frames["course_completions"][["userid", "course", "timestarted", "timecompleted"]], **keys)
    )
    is_complete = report["timecompleted"] > 0
    report["percentage"] = (100 * report["done"].fillna(0) / report["tracked"]).round(2).mask(is_complete, 100)
    report["status"] = "not_started"
    report.loc[report["first_at"] > 0, "status"] = "in_progress"
    report.loc[is_complete, "status"] = "completed"
    report.drop(columns=["course_x", "course_y"]).to_sql(
        "bench_pandas", reporting, if_exists="replace", index=False, chunksize=50_000
    )


def run_dlt(moodle_url: str, reporting_url: str) -> None:
    """Move the tables with dlt's own source, read by connectorx and written by ADBC.

    The fastest way tried: 8 s for 200,000 pairs; 9 to 16 read through SQLAlchemy, 26 to 36 written as CSV or INSERT.
    """
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt  # noqa: PLC0415  # no dependency of the project
    from dlt.sources.sql_database import sql_database  # noqa: PLC0415

    tables = [f"mdl_{name}" for name in (*LEARNER_TABLES, *CATALOGUE)]
    moodle = make_url(moodle_url).set(query={})  # connectorx refuses MariaDB's `charset`
    if moodle.get_backend_name() == "postgresql":
        moodle = moodle.set(drivername="postgresql+psycopg2")  # the driver that dlt brings
    # dlt refuses an account without a password; a server that trusts it does not look at one.
    reporting = make_url(reporting_url)
    reporting = reporting.set(drivername="postgresql", password=reporting.password or "none")
    destination = dlt.destinations.postgres(reporting.render_as_string(hide_password=False))
    moodle_url = moodle.render_as_string(hide_password=False)
    source = sql_database(moodle_url, table_names=tables, backend="connectorx")
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline("bench_sync", pipelines_dir=folder, destination=destination, dataset_name="bench")
        pipeline.run(source, write_disposition="replace", loader_file_format="parquet")


if __name__ == "__main__":
    {"pandas": run_pandas, "dlt": run_dlt}[sys.argv[1]](*sys.argv[2:])
