"""A sync over a Moodle of frames: two companies, three learners, one course."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Engine, select, text

from alx_core.domain.checks import check_sync
from alx_core.domain.progress import KEY, Snapshot, reporting_rows
from alx_core.domain.sync import Kind, SyncRequest, SyncResult
from alx_core.services.sync.listener import Listener
from alx_core.services.sync.run import SyncOptions, sync
from alx_core.store.companies import list_companies
from alx_core.store.runs import latest_runs
from alx_core.store.tables import reporting
from support.builders import (
    COMPANY,
    COURSE,
    NOW,
    FrameSource,
    Key,
    Row,
    make_company,
    make_company_user,
    make_many_learners,
    make_snapshot,
)

BETA = 2
IDS = (100, 200, 300)
WIDTH = 70
"""Of learner ranges: five of them, no two learners in the same one."""
CONTENT = ("firstname", "coursename", "status", "percentage")
HOUR_S = 3600
FAIL_BETA = """
CREATE TRIGGER beta_fails BEFORE INSERT ON local_alx_api_reporting WHEN NEW.companyid = 2 AND NEW.userid = 300
BEGIN SELECT RAISE(ABORT, 'beta is not allowed'); END
"""
"""Refuses one of beta's rows."""


def two_companies(**rows: Any) -> Snapshot:
    """Learner 100 in acme and beta, 200 in acme, 300 in beta; both companies have the course."""
    return make_snapshot(
        **{
            **make_many_learners(3, step=100),
            "company": [make_company(), make_company(id=BETA, shortname="beta", name="Beta")],
            "company_users": [
                make_company_user(),
                make_company_user(companyid=BETA),
                make_company_user(userid=200),
                make_company_user(userid=300, companyid=BETA),
            ],
            "company_course": [{"companyid": each, "courseid": COURSE} for each in (COMPANY, BETA)],
            **rows,
        }
    )


@dataclass
class Site:
    """A Moodle of frames and a reporting database. `now` is the clock and the instant that is judged."""

    engine: Engine
    home: Path
    source: FrameSource = field(default_factory=lambda: FrameSource(two_companies()))
    now: int = NOW
    listener: Listener = field(default_factory=Listener)
    workers: int = 2

    def sync(self, kind: Kind = Kind.HOURLY, **request: Any) -> SyncResult:
        return sync(
            self.engine,
            lambda: self.source,
            SyncRequest(kind, as_of=self.now, window=(self.now - HOUR_S, self.now), **request),
            SyncOptions(
                self.home / "spool",
                workers=self.workers,
                lock_timeout_s=0,
                clock=lambda: self.now,
                listener=self.listener,
            ),
        )

    def change(self, **rows: Any) -> None:
        """Give Moodle's tables other rows, an hour later."""
        frames = two_companies(**rows)
        self.source.snapshot = {**self.source.snapshot, **{name: frames[name] for name in rows}}
        self.now += HOUR_S

    def table(self) -> dict[Key, Row]:
        """All rows of the reporting table, tombstones too."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(reporting)).mappings().all()
        return {(row["companyid"], row["userid"], row["courseid"]): dict(row) for row in rows}

    def content(self) -> dict[Key, tuple[Any, ...]]:
        """What the live rows say, as far as these tests look at it."""
        return {
            each: tuple(row[name] for name in CONTENT) for each, row in self.table().items() if not row["is_deleted"]
        }

    def live(self) -> set[Key]:
        return {key for key, row in self.table().items() if not row["is_deleted"]}

    def runs(self) -> list[Row]:
        """The runs in the books, oldest first."""
        with self.engine.connect() as connection:
            return latest_runs(connection, limit=100)[::-1]

    def companies(self) -> dict[str, Row]:
        with self.engine.connect() as connection:
            return {row["shortname"]: row for row in list_companies(connection)}

    def execute(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))


def wanted_content(snapshot: Snapshot, now: int) -> dict[Key, tuple[Any, ...]]:
    """What the rules give, in the form of `Site.content`."""
    rows = reporting_rows(snapshot, as_of=now).with_columns(percentage=(pl.col("percentage_x100") / 100).round(2))
    return {row[:3]: row[3:] for row in rows.select(*KEY, *CONTENT).rows()}


def key(companyid: int, userid: int) -> Key:
    return (companyid, userid, COURSE)


ALL = {key(COMPANY, 100), key(COMPANY, 200), key(BETA, 100), key(BETA, 300)}


def figures(result: SyncResult) -> dict[str, tuple[int, ...]]:
    names = ("rows", "created", "updated", "deleted", "unchanged", "errors")
    return {each.shortname: tuple(getattr(each, name) for name in names) for each in result.companies}


def failed_checks(result: SyncResult) -> set[str]:
    return {check.name.value for check in check_sync(result, source_fresh_hours=1e9) if not check.passed}


class Diary(Listener):
    """Notes what it hears."""

    def __init__(self) -> None:
        self.notes: list[Any] = []

    def waiting(self) -> None:
        self.notes.append("waiting")

    def progress(self, step: str, done: int, total: int) -> None:
        self.notes.append((step, done, total))

    def finished(self, result: SyncResult) -> None:
        self.notes.append(result)
