"""Paged reads over a real reporting database that real syncs change, beside a model of what each should show."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, event

from alx_core.domain.changes import changes
from alx_core.domain.company_settings import CompanySettings, SyncMode, resolve
from alx_core.domain.learners import EVERYBODY
from alx_core.domain.paging import Session
from alx_core.services.page_cache import PageCache
from alx_core.services.reading import PageReader, PageRequest, Served
from alx_core.store.access import Access, find_access
from alx_core.store.companies import upsert_company
from alx_core.store.engine import transaction
from alx_core.store.page_cache import DatabasePages
from alx_core.store.pages import COLUMNS, PageKey
from alx_core.store.reporting_sync import StoredRows, write_changes
from alx_core.store.tokens import add_token, hash_token
from support.builders import NOW, Row, make_report, make_report_row

COMPANY_IDS = count(1)
RUN_IDS = count(1)
FOREVER = 10**9


def make_settings(**texts: object) -> CompanySettings:
    """The settings of a company that has set these."""
    return resolve({name: str(value) for name, value in texts.items()}, {})


def render(rows: Sequence[Any]) -> bytes:
    """(userid, courseid, firstname) of each row, as JSON."""
    userid, courseid, name = (COLUMNS.index(each) for each in ("userid", "courseid", "firstname"))
    return json.dumps([(row[userid], row[courseid], row[name]) for row in rows]).encode()


@dataclass(slots=True)
class FakeClock:
    """A clock that stands still until it is moved."""

    now: float = float(NOW)

    def __call__(self) -> float:
        return self.now


@cache
def stored_rows_of(engine: Engine) -> StoredRows:
    """The reader of this engine's database, on connections that go with the engine's: to connect takes 50 ms."""
    stored = StoredRows(engine)
    event.listen(engine, "engine_disposed", lambda _engine: stored.close())
    return stored


@dataclass(slots=True)
class Company:
    """A company whose rows a test changes: `rows` is what Moodle has, `published` what the syncs made of it.

    `published` holds, by change_seq, each row's name and the change_seq that it last moved with.
    """

    engine: Engine
    clock: FakeClock
    companyid: int = field(default_factory=lambda: next(COMPANY_IDS))
    rows: dict[PageKey, str] = field(default_factory=dict)
    published: dict[int, dict[PageKey, tuple[str, int]]] = field(default_factory=lambda: {0: {}})

    def __post_init__(self) -> None:
        with transaction(self.engine) as connection:
            upsert_company(connection, self.companyid, shortname=f"c{self.companyid}")

    @property
    def newest_seq(self) -> int:
        """The change_seq published last."""
        return max(self.published)

    def sync(self, *, is_failing: bool = False) -> int:
        """Bring the reporting table to `rows` as the sync does; return its change_seq."""
        run_id = next(RUN_IDS)
        stored = stored_rows_of(self.engine).read([EVERYBODY], [self.companyid])
        frame = changes(make_report(*self._report()), stored)
        if frame.is_empty():
            return self.newest_seq
        try:
            with transaction(self.engine) as connection:
                half = len(frame) // 2
                write_changes(connection, [frame[:half], frame[half:]], run_id=run_id, now=int(self.clock()))
                upsert_company(connection, self.companyid, published_seq=run_id)
                if is_failing:
                    raise RollBackError
        except RollBackError:
            return self.newest_seq
        before = self.published[self.newest_seq]
        self.published[run_id] = {
            key: before[key] if key in before and before[key][0] == name else (name, run_id)
            for key, name in self.rows.items()
        }
        return run_id

    def expected(self, session: Session, hidden: frozenset[int] = frozenset()) -> list[tuple[int, int, str]]:
        """What all pages of a read show, in order, as `render` writes them."""
        return [
            (userid, courseid, name)
            for (userid, courseid), (name, change_seq) in sorted(self.published[session.snapshot_seq].items())
            if change_seq > session.since_seq and courseid not in hidden
        ]

    def _report(self) -> list[Row]:
        return [
            make_report_row(companyid=self.companyid, userid=userid, courseid=courseid, firstname=name)
            for (userid, courseid), name in self.rows.items()
        ]


class RollBackError(Exception):
    """A company's transaction that fails at its end."""


@dataclass(slots=True)
class Worker:
    """One process of the API: its own page cache over the shared one, and a connection in autocommit."""

    connection: Connection
    clock: FakeClock
    reader: PageReader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = PageReader(PageCache(max_bytes=1 << 20, clock=self.clock), self.clock)

    def get(
        self, token: str, settings: CompanySettings, *, limit: int, offset: int, settings_version: int | None = None
    ) -> Served:
        """Answer one request."""
        access = access_of(self.connection, token, limit)
        if settings_version is not None:
            access = replace(access, settings_version=settings_version)
        request = PageRequest(limit=limit, offset=offset, form="json")
        shared = DatabasePages(self.connection, access.companyid or 0, max_bytes=1 << 20, clock=self.clock)
        session = self.reader.join_or_begin(self.connection, access, settings, request)
        return self.reader.serve(self.connection, shared, access, settings, session, request, render)


def access_of(connection: Connection, token: str, limit: int) -> Access:
    """What a request of `token` begins with."""
    access = find_access(connection, hash_token(token), limit)
    assert access is not None
    return access


def make_token(engine: Engine, companyid: int | None, **overrides: object) -> str:
    """Write a token of a company that may be used from everywhere."""
    token = f"alx_{uuid4().hex}"
    values = {
        "name": "Power BI", "companyid": companyid, "source": "alx", "owner_state": "active",
        "allowed_networks": "", "created_at": NOW,
    }  # fmt: skip
    with transaction(engine) as connection:
        add_token(connection, token, **{**values, **overrides})
    return token


@dataclass(slots=True)
class Client:
    """A report that reads page after page until a page is not full, and folds what it gets into its copy."""

    token: str
    limit: int
    settings: CompanySettings
    copy: dict[PageKey, str] = field(default_factory=dict)
    pages: list[bytes] = field(default_factory=list)
    session: Session | None = None
    began_at: float = 0.0
    asked_at: float = 0.0
    version: int = 0

    @property
    def is_reading(self) -> bool:
        """Whether it is in the middle of its pages."""
        return bool(self.pages)

    def step(self, worker: Worker) -> list[tuple[int, int, str]] | None:
        """Ask for the next page; the whole read's rows when that was the last one."""
        served = self.ask(worker, len(self.pages))
        self.asked_at = worker.clock()
        if not self.pages:
            self.session, self.began_at = served.session, self.asked_at
        self.pages = [*self.pages, served.page.plain]
        if served.page.rows == self.limit:
            return None
        rows = [(u, c, name) for page in self.pages for u, c, name in json.loads(page)]
        self.copy.update({(userid, courseid): name for userid, courseid, name in rows})
        self.pages = []
        return rows

    def ask(self, worker: Worker, page: int) -> Served:
        """Ask for a page by its number."""
        return worker.get(
            self.token, self.settings, limit=self.limit, offset=page * self.limit, settings_version=self.version
        )

    def read(self, worker: Worker) -> list[tuple[int, int, str]]:
        """Read all pages."""
        while True:
            rows = self.step(worker)
            if rows is not None:
                return rows

    def abort(self) -> None:
        """Stop in the middle and forget what came."""
        self.pages = []


def every_mode() -> Mapping[str, SyncMode]:
    """The modes by name."""
    return {mode.name.lower(): mode for mode in SyncMode}
