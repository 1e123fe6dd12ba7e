"""What a sync writes, over a Moodle of frames, and what it leaves alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alx_core.domain.checks import CheckName, check_sync
from alx_core.domain.progress import Snapshot
from alx_core.domain.sync import Kind
from alx_core.errors import SyncError
from alx_core.services.sync import write
from alx_core.store.runs import require_running
from support.builders import (
    COMPANY,
    NOW,
    FrameSource,
    make_company,
    make_module_completion,
    make_user,
    make_user_enrolment,
)
from support.frame_site import ALL, BETA, HOUR_S, IDS, Site, figures, key, two_companies, wanted_content
from support.random_sites import snapshots
from support.reporting_databases import migrated_engine


def test_the_first_sync_writes_every_row(site: Site) -> None:
    result = site.sync()
    assert site.live() == ALL
    assert figures(result) == {"acme": (2, 2, 0, 0, 0, 0), "beta": (2, 2, 0, 0, 0, 0)}
    assert result.table.rows == {COMPANY: 2, BETA: 2}
    assert all(check.passed for check in check_sync(result, source_fresh_hours=1))


def test_a_second_sync_writes_nothing(site: Site) -> None:
    site.sync()
    before = site.table()
    site.now += HOUR_S
    assert figures(site.sync()) == {"acme": (2, 0, 0, 0, 2, 0), "beta": (2, 0, 0, 0, 2, 0)}
    assert site.table() == before


def test_only_rows_whose_content_moved_are_stamped(site: Site) -> None:
    site.sync()
    before = site.table()
    site.change(course_modules_completion=[make_module_completion(userid=200)])
    result = site.sync()
    assert figures(result) == {"acme": (2, 0, 1, 0, 1, 0), "beta": (2, 0, 0, 0, 2, 0)}
    moved = {each: row for each, row in site.table().items() if row != before[each]}
    assert moved.keys() == {key(COMPANY, 200)}
    (row,) = moved.values()
    assert (row["status"], row["percentage"]) == ("in_progress", 50.0)
    assert (row["last_updated"], row["change_seq"], row["created_at"]) == (site.now, result.run_id, NOW)


def test_a_row_that_no_longer_qualifies_becomes_a_tombstone_without_a_name_and_may_come_back(site: Site) -> None:
    site.sync()
    enrolments = [make_user_enrolment(userid=each) for each in IDS]
    site.change(user_enrolments=enrolments[:1] + enrolments[2:])
    assert figures(site.sync())["acme"] == (1, 0, 0, 1, 1, 0)
    tombstone = site.table()[key(COMPANY, 200)]
    assert (tombstone["is_deleted"], tombstone["firstname"], tombstone["email"]) == (1, "", "")
    site.change(user_enrolments=enrolments)
    assert figures(site.sync())["acme"] == (2, 1, 0, 0, 1, 0)
    assert site.live() == ALL


def test_time_alone_takes_a_row_away(site: Site) -> None:
    enrolments = [make_user_enrolment(userid=each, timeend=NOW + 10 * each) for each in IDS]
    site.source.snapshot = two_companies(user_enrolments=enrolments)
    site.sync()
    site.now = NOW + 1500
    site.sync()
    assert site.live() == {key(COMPANY, 200), key(BETA, 300)}


def test_the_rows_of_a_company_that_is_gone_become_tombstones_and_it_is_marked(site: Site) -> None:
    site.sync()
    site.change(company=[make_company()])
    assert figures(site.sync())["beta"] == (0, 0, 0, 2, 0, 0)
    assert site.live() == {key(COMPANY, 100), key(COMPANY, 200)}
    assert {name: row["is_deleted"] for name, row in site.companies().items()} == {"acme": 0, "beta": 1}
    site.change(company=two_companies()["company"].to_dicts())
    site.sync()
    assert site.live() == ALL
    assert site.companies()["beta"]["is_deleted"] == 0


def test_only_the_companies_that_are_named_are_synced(site: Site) -> None:
    site.sync()
    before = site.table()
    site.change(user=[make_user(id=each, firstname="New") for each in IDS])
    result = site.sync(Kind.REBUILD, shortnames=("beta",))
    assert figures(result) == {"beta": (2, 0, 2, 0, 0, 0)}
    changed = {each for each, row in site.table().items() if row != before[each]}
    assert changed == {key(BETA, 100), key(BETA, 300)}
    assert site.companies()["acme"]["is_deleted"] == 0
    assert all(check.passed for check in check_sync(result, source_fresh_hours=24))


def test_a_company_that_moodle_does_not_have_is_refused_with_those_it_has(site: Site) -> None:
    with pytest.raises(SyncError, match=r"no company with shortname gamma\. It has: acme, beta\."):
        site.sync(Kind.REBUILD, shortnames=("acme", "gamma"))
    assert site.table() == {}
    assert [run["status"] for run in site.runs()] == ["failed"]


@pytest.mark.parametrize("width", [64, 100, 300, 2**40])
@pytest.mark.parametrize("workers", [1, 3])
def test_learner_ranges_of_any_width_side_by_side_give_the_same_table(site: Site, width: int, workers: int) -> None:
    site.source.width, site.workers = width, workers
    result = site.sync()
    assert (result.ranges, site.live()) == (300 // width + 1, ALL)
    assert figures(result) == {"acme": (2, 2, 0, 0, 0, 0), "beta": (2, 2, 0, 0, 0, 0)}
    assert result.rows_read["user"] == 3
    assert result.rows_read["course"] == 2


@pytest.mark.parametrize(("rows", "transactions"), [(1, 2), (2, 2), (3, 2), (4, 1), (1000, 1)])
def test_neighbours_share_a_transaction_up_to_so_many_rows(
    site: Site, monkeypatch: pytest.MonkeyPatch, rows: int, transactions: int
) -> None:
    monkeypatch.setattr(write, "ROWS_PER_TRANSACTION", rows)
    begun: list[object] = []
    monkeypatch.setattr(write, "require_running", lambda *arguments: begun.append(require_running(*arguments)))
    assert figures(site.sync()) == {"acme": (2, 2, 0, 0, 0, 0), "beta": (2, 2, 0, 0, 0, 0)}
    assert (site.live(), len(begun)) == (ALL, transactions)
    assert {name: row["published_seq"] for name, row in site.companies().items()} == {"acme": 1, "beta": 1}
    begun.clear()
    site.sync()
    assert begun == []


@settings(max_examples=4)
@given(before=snapshots(), after=snapshots(), width=st.sampled_from([51, 101, 2**40]))
def test_whatever_moodle_was_and_is_the_table_ends_as_the_rules_say(
    tmp_path_factory: pytest.TempPathFactory, before: Snapshot, after: Snapshot, width: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with migrated_engine("sqlite", folder) as engine:
        for source in (FrameSource(before, width=width), FrameSource(after, width=width)):
            site = Site(engine, folder, source)
            result = site.sync()
            assert site.content() == wanted_content(source.snapshot, NOW)
            failed = {check.name for check in check_sync(result, source_fresh_hours=1e9) if not check.passed}
            assert failed <= {CheckName.SOURCE_FRESH}
