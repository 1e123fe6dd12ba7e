"""Bad records: what Moodle never stores, found before it can spoil a row, reported with its reason, and held back.

A bad record never fails a page and never makes a row wrong: whatever hangs on it is held, that is, the rows that the
reporting table has stay as they are until the record is mended in Moodle.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import polars as pl

from alx_core.domain.bad_records import LAST_TIME, BadRecord, Reason
from alx_core.domain.progress import LEARNER_TABLES, SNAPSHOT_COLUMNS, Snapshot

NULLABLE = {("course_completions", "timecompleted"), ("iomad_courses", "shared")}
"""Number columns that are NULL in a healthy Moodle (install.xml)."""


@dataclass(frozen=True, slots=True)
class Held:
    """Ids whose rows are left as they are, because a record that they depend on is bad.

    `everything`: a record of the catalogue names none of them, so nobody knows which rows depend on it.
    """

    userids: Collection[int] = ()
    courseids: Collection[int] = ()
    companyids: Collection[int] = ()
    everything: bool = False

    def release(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return `rows` (with the columns of the reporting table's key) without those that are held."""
        if self.everything:
            return rows.clear()
        for column, ids in (("userid", self.userids), ("courseid", self.courseids), ("companyid", self.companyids)):
            if ids:
                rows = rows.filter(~pl.col(column).is_in(list(ids)))
        return rows


@dataclass(frozen=True, slots=True)
class Inspection:
    """What `inspect` found: the snapshot without its bad records, these, and what they hold back."""

    snapshot: Snapshot
    bad: list[BadRecord] = field(default_factory=list)
    held: Held = Held()


def inspect(snapshot: Snapshot) -> Inspection:
    """Take the bad records out of a snapshot. A clean snapshot comes back as it is."""
    clean: dict[str, pl.DataFrame] = {}
    bad: list[BadRecord] = []
    for table, frame in snapshot.items():
        fault = _fault(table)
        is_bad = frame.select(fault.is_not_null().alias("bad")).to_series()
        if not is_bad.any():
            clean[table] = frame
            continue
        clean[table] = frame.filter(~is_bad)
        bad += [_record(table, row) for row in frame.filter(is_bad).with_columns(fault.alias("fault")).to_dicts()]
    return Inspection(clean, bad, _hold(bad)) if bad else Inspection(snapshot)


def _fault(table: str) -> pl.Expr:
    """`column:reason` of the first fault of each row, null for a good one."""
    faults = []
    for column, dtype in SNAPSHOT_COLUMNS[table].items():
        value = pl.col(column)
        if dtype == pl.String():
            faults.append(_when(value.str.contains("\0", literal=True), column, Reason.NUL_IN_TEXT))
            continue
        wrong = value < 0 if (table, column) in NULLABLE else value.is_null() | (value < 0)
        faults.append(_when(wrong, column, Reason.NOT_A_NUMBER))
        if column.startswith("time"):
            faults.append(_when(value > LAST_TIME, column, Reason.TIME_OUT_OF_RANGE))
    return pl.coalesce(faults)


def _when(condition: pl.Expr, column: str, reason: Reason) -> pl.Expr:
    return pl.when(condition).then(pl.lit(f"{column}:{reason}"))


def _record(table: str, row: dict[str, int | str | None]) -> BadRecord:
    column, _, reason = str(row["fault"]).partition(":")

    def known(*names: str) -> int | None:
        value = next((row[name] for name in names if name in row), None)
        return value if isinstance(value, int) and value >= 0 else None

    return BadRecord(
        table=table,
        column=column,
        reason=Reason(reason),
        userid=known("id") if table == "user" else known("userid"),
        courseid=known("id") if table == "course" else known("courseid", "course"),
        companyid=known("id") if table == "company" else known("companyid"),
    )


def is_nameless(record: BadRecord) -> bool:
    """Whether a record names neither a learner nor a course nor a company."""
    return record.userid is None and record.courseid is None and record.companyid is None


def _hold(bad: list[BadRecord]) -> Held:
    """What hangs on the bad records: the learner when it names one, else the course, else the company, else all.

    A record of a learner whose id can't be read belongs to nobody, so nothing hangs on it.
    """
    userids = {each.userid for each in bad if each.userid is not None}
    courseids = {each.courseid for each in bad if each.userid is None and each.courseid is not None}
    companyids = {each.companyid for each in bad if each.userid is None and each.courseid is None}
    everything = any(is_nameless(each) and each.table not in LEARNER_TABLES for each in bad)
    return Held(userids, courseids, {each for each in companyids if each is not None}, everything)
