"""Power Query's loops over the real server, while syncs commit all the time: no row lost, none doubled.

Each row says which sync wrote it, so a read can be compared with the one state of the table that it must show.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from alx_core.store.pages import PageKey
from support.api import Api, set_company
from support.power_query import Page, Report, side_by_side
from support.reads import make_token
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine
from support.stack import wait_for
from support.table import CompanyTable, Follower

pytestmark = pytest.mark.slow

ROWS = 100_000
READS = int(os.environ.get("ALX_TEST_READS", "3"))
"""Of the large company; one takes two seconds or so."""
LIMIT = 10_000
POLLS = 20


@pytest.fixture(params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def api(engine: Engine, tmp_path: Path) -> Iterator[Api]:
    with Api(tmp_path / "api", engine.url).running() as made:
        yield made


def make_company(engine: Engine, companyid: int, rows: int, **settings: object) -> CompanyTable:
    table = CompanyTable(engine, companyid)
    table.fill(rows)
    set_company(engine, companyid, **{"rate_limit": 0, "max_records": LIMIT, **settings})
    return table


def versions(rows: Page) -> list[tuple[PageKey, int]]:
    """Key and sync of each row, in the order they came."""
    return [((row["userid"], row["courseid"]), int(row["firstname"][1:])) for row in rows]


def check_read(follower: Follower, rows: Page, *, at_least: int) -> int:
    """Check that a full read shows exactly one state of the table, no older than `at_least`; return its sync."""
    shown = versions(rows)
    assert [key for key, _ in shown] == sorted({key for key, _ in shown})
    seq = max(version for _, version in shown)
    assert seq >= at_least
    assert dict(shown) == follower.state_at(seq)
    return seq


def test_a_company_of_100_000_rows_is_read_completely_while_syncs_commit(api: Api, engine: Engine) -> None:
    table = make_company(engine, 1, ROWS)
    token, follower, snapshots = make_token(engine, 1), Follower(table), []
    with table.syncing(changed=200, pause_s=0.1), api.client() as client:
        for number in range(READS):
            report = Report(client, token, LIMIT)
            published = table.published
            rows = report.until_not_full() if number % 2 else report.until_empty()
            snapshots.append(check_read(follower, rows, at_least=published))
    assert len(table.deltas) > READS  # syncs did commit between the pages
    assert len(set(snapshots)) == READS  # and each read saw newer ones


def test_tables_of_one_report_and_reports_of_one_company_are_each_complete(api: Api, engine: Engine) -> None:
    table = make_company(engine, 1, 3000)
    tokens = [make_token(engine, 1) for _ in range(2)]
    with table.syncing(changed=20, pause_s=0.05), api.client() as client:
        for _ in range(3):
            reports = [Report(client, tokens[0], 500) for _ in range(3)] + [Report(client, tokens[1], 500)]
            reads = side_by_side(*(each.until_empty for each in reports), reports[3].until_not_full)
            for rows in reads:
                check_read(Follower(table), rows, at_least=1)


def test_incremental_reads_folded_into_a_copy_always_equal_the_table(api: Api, engine: Engine) -> None:
    table = make_company(engine, 1, 400, sync_mode=1)
    follower, copy, seq, reads_with_pages = Follower(table), dict[PageKey, int](), 0, 0
    with api.client() as client, table.syncing(changed=8, pause_s=0.05):
        report = Report(client, make_token(engine, 1), 20)
        for number in range(POLLS):
            if number % 4 < 2:  # enough has changed for several pages
                enough = len(table.deltas) + 4
                wait_for(lambda enough=enough: len(table.deltas) >= enough, timeout_s=60, describe="four more syncs")
            published = table.published
            shown = versions(report.until_not_full() if number % 2 else report.until_empty())
            assert len(shown) == len(dict(shown))
            copy |= dict(shown)
            seq = max([seq, *(version for _, version in shown)])
            assert seq >= published
            state = follower.state_at(seq)
            assert state.items() <= copy.items()
            # Moodle's protocol tells no deletions; nothing else is left over.
            assert copy.keys() - state.keys() <= follower.deleted
            reads_with_pages += len(shown) > report.limit
    assert reads_with_pages > 1
