"""A company whose rows of the reporting table a test writes as a sync does, and what they were after each sync."""

import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import polars as pl
from sqlalchemy import Engine

from alx_core.domain.changes import PERSONAL, Op
from alx_core.store.companies import upsert_company
from alx_core.store.engine import transaction
from alx_core.store.pages import PageKey
from alx_core.store.reporting_sync import write_changes
from support.builders import Row, make_report, make_report_row

COURSES = 5
SEQS = count(1)


@dataclass
class CompanyTable:
    """One company. Each row's first name says which sync wrote it, so a page tells the state it was taken from.

    `deltas` holds, for each sync, the rows that it wrote: the sync's number, or None for a row that it deleted.
    """

    engine: Engine
    companyid: int
    mark: str = "Ada"
    live: dict[PageKey, int] = field(default_factory=dict)
    gone: set[PageKey] = field(default_factory=set)
    deltas: dict[int, dict[PageKey, int | None]] = field(default_factory=dict)
    published: int = 0

    def fill(self, rows: int) -> None:
        """Make the company, with so many rows."""
        keys = [(100 + number // COURSES * 2, 10 + number % COURSES) for number in range(rows)]
        self.sync(dict.fromkeys(keys, Op.INSERT))

    def sync(self, operations: Mapping[PageKey, Op]) -> int:
        """Write rows in one transaction, and publish them in it; return the sync's number."""
        seq = next(SEQS)
        rows = [self._row(key, seq, op) for key, op in operations.items()]
        frame = make_report(*rows).join(
            pl.DataFrame(
                [(self.companyid, *key, op) for key, op in operations.items()],
                schema={"companyid": pl.Int64(), "userid": pl.Int64(), "courseid": pl.Int64(), "op": pl.Int8()},
                orient="row",
            ),
            on=["companyid", "userid", "courseid"],
        )
        self.deltas[seq] = {key: None if op is Op.DELETE else seq for key, op in operations.items()}
        with transaction(self.engine) as connection:
            write_changes(connection, [frame], run_id=seq, now=int(time.time()))
            name = f"{self.mark.lower()}{self.companyid}"
            upsert_company(connection, self.companyid, shortname=name, name=self.mark, published_seq=seq)
        apply(self.live, self.deltas[seq])
        self.gone |= {key for key, op in operations.items() if op is Op.DELETE}
        self.gone -= self.live.keys()
        self.published = seq
        return seq

    def random_sync(self, dice: random.Random, changed: int) -> int:
        """Update, delete, bring back and add some rows each, anywhere among the others."""
        known = list(self.live)
        operations = dict.fromkeys(dice.sample(known, changed), Op.UPDATE)
        operations |= dict.fromkeys(dice.sample(known, changed // 2), Op.DELETE)
        operations |= dict.fromkeys(dice.sample(sorted(self.gone), min(len(self.gone), changed // 4)), Op.REVIVE)
        # The odd learners are the free places between those that `fill` made.
        new = {(dice.randrange(101, 101 + len(known), 2), dice.randrange(10, 10 + COURSES)) for _ in range(changed)}
        operations |= dict.fromkeys(new - self.live.keys() - self.gone, Op.INSERT)
        operations[min(self.live)] = Op.UPDATE  # so that every sync shows in its state
        return self.sync(operations)

    @contextmanager
    def syncing(self, *, changed: int, pause_s: float) -> Iterator[None]:
        """Sync again and again, in a thread, until the end of the block. Raises what the thread raised."""
        stop, dice, failures = threading.Event(), random.Random(3), list[Exception]()

        def run() -> None:
            try:
                while not stop.wait(pause_s):
                    self.random_sync(dice, changed)
            except Exception as error:  # noqa: BLE001  # raised again by the test's own thread
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        if failures:
            raise failures[0]

    def _row(self, key: PageKey, seq: int, op: Op) -> Row:
        personal = {
            "username": f"{self.mark}{key[0]}",
            "firstname": f"v{seq}",
            "lastname": f"{self.mark} Łukasz",
            "email": f"{self.mark}{key[0]}@example.com",
        }
        if op is Op.DELETE:
            personal = dict.fromkeys(PERSONAL, "")
        return make_report_row(
            companyid=self.companyid, userid=key[0], courseid=key[1], coursename=f"{self.mark} course", **personal
        )


def apply(state: dict[PageKey, int], delta: Mapping[PageKey, int | None]) -> None:
    """Bring a state from one sync to the next."""
    for key, version in delta.items():
        if version is None:
            state.pop(key, None)
        else:
            state[key] = version


@dataclass
class Follower:
    """Follows a company's states from sync to sync, never backwards. `deleted`: keys that some sync deleted."""

    table: CompanyTable
    seq: int = 0
    state: dict[PageKey, int] = field(default_factory=dict)
    deleted: set[PageKey] = field(default_factory=set)

    def state_at(self, seq: int) -> dict[PageKey, int]:
        """The rows after sync `seq`: which sync wrote each."""
        for each in sorted(each for each in list(self.table.deltas) if self.seq < each <= seq):
            apply(self.state, self.table.deltas[each])
            self.deleted |= {key for key, version in self.table.deltas[each].items() if version is None}
        self.seq = max(self.seq, seq)
        return self.state
