"""Paged reads, scenario by scenario; random histories are in tests/integration/test_paged_reads.py."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from alx_core.domain.paging import IDLE_S, LAST_CALL_S, SESSION_S, SEVERAL_S
from alx_core.services.reading import PageRequest
from alx_core.store.page_cache import DatabasePages
from support.desk import Desk
from support.reads import Client, Company, Worker, access_of, make_settings, make_token, render

INCREMENTAL = make_settings(sync_mode=1)


def ids(rows: list[tuple[int, int, str]]) -> list[int]:
    return [row[0] for row in rows]


@pytest.mark.parametrize("mode", range(4))
def test_a_sync_between_two_pages_changes_neither(desk: Desk, mode: int) -> None:
    client = desk.client(make_settings(sync_mode=mode))
    client.step(desk.worker)
    del desk.company.rows[2, 1]  # of the page that was read
    del desk.company.rows[6, 1]
    desk.add(0, 5, 20, name="new")
    client.step(desk.worker)
    desk.add(*range(1, 11), name="newer")
    rows = desk.read(client)
    assert rows == [(userid, 1, "Ada") for userid in range(1, 11)]


@pytest.mark.parametrize("mode", range(4))
def test_the_next_read_shows_what_was_synced_meanwhile(desk: Desk, mode: int) -> None:
    client = desk.client(make_settings(sync_mode=mode))
    desk.read(client)
    desk.add(3, 11, name="new")
    rows = desk.read(client)
    assert ids(rows) == ([3, 11] if mode < 2 else list(range(1, 12)))
    assert desk.read(client) == ([] if mode < 2 else rows)


def test_a_client_that_stops_after_an_exactly_full_page_is_given_it_again_and_loses_nothing(desk: Desk) -> None:
    client = desk.client(INCREMENTAL, limit=5)
    for _page in range(2):
        client.step(desk.worker)
    client.abort()  # it may have dropped what it got: it does not know that this was the end
    desk.clock.now += 3
    desk.add(4, name="new")
    assert desk.read(client) == [(userid, 1, "new" if userid == 4 else "Ada") for userid in range(1, 11)]
    assert desk.read(client) == []


def at_a_full_last_page(desk: Desk) -> tuple[Client, Client]:
    """A client that has got all rows and does not know it yet, and another one of the same token."""
    asking, other = desk.client(limit=5), desk.client(limit=5)
    other.token = asking.token
    for _page in range(2):
        asking.step(desk.worker)
    return asking, other


def test_a_full_page_that_was_the_last_is_followed_by_an_empty_one_of_the_same_read(desk: Desk) -> None:
    asking, other = at_a_full_last_page(desk)
    desk.add(*range(11, 15))
    other.step(desk.worker)  # begins in the moment before the empty page is asked for
    assert ids(desk.read(asking)) == list(range(1, 11))


def test_a_full_last_page_that_is_asked_for_again_leaves_as_much_time_to_see_the_end(desk: Desk) -> None:
    asking, other = at_a_full_last_page(desk)
    desk.clock.now += LAST_CALL_S - 0.5
    assert asking.ask(desk.worker, 1).page.rows == 5  # its answer was lost on the way
    desk.add(*range(11, 15))
    desk.clock.now += LAST_CALL_S - 0.5
    other.step(desk.worker)
    assert ids(desk.read(asking)) == list(range(1, 11))


def test_a_lone_read_that_waits_too_long_after_a_full_last_page_meets_the_next_one(desk: Desk) -> None:
    asking, other = at_a_full_last_page(desk)
    desk.clock.now += LAST_CALL_S
    desk.add(11)
    assert ids(desk.read(other)) == list(range(1, 12))  # new at once: the first one seems to have stopped there
    assert ids(desk.read(asking)) == list(range(1, 12))


def test_asking_for_a_page_behind_the_end_does_not_count_as_another_read_that_ended(desk: Desk) -> None:
    first, second, third = (desk.client(token="") for _ in range(3))
    first.token = second.token = third.token = make_token(desk.engine, desk.company.companyid)
    first.step(desk.worker)
    second.step(desk.worker)
    desk.read(first)
    assert first.ask(desk.worker, 3).page.rows == 0  # as Power Query does, which reads until a page is empty
    desk.add(11, 12, 13)
    third.step(desk.worker)
    assert ids(desk.read(second)) == list(range(1, 11))


def test_reads_side_by_side_see_one_snapshot_until_the_last_of_them_is_done(desk: Desk) -> None:
    first, second = desk.client(), desk.client()
    second.token = first.token
    first.step(desk.worker)
    second.step(desk.worker)
    desk.add(0)
    assert ids(desk.read(first)) == list(range(1, 11))
    first.step(desk.worker)  # begins anew at once, with the second in the middle
    assert ids(desk.read(second)) == list(range(1, 11))
    assert ids(desk.read(first)) == list(range(1, 11))
    desk.clock.now += SEVERAL_S
    assert ids(desk.read(second)) == list(range(11))


def test_a_last_page_that_is_asked_for_twice_does_not_end_the_read_beside_it(desk: Desk) -> None:
    first, second, third = (desk.client() for _ in range(3))
    second.token = third.token = first.token
    first.step(desk.worker)
    second.step(desk.worker)
    desk.read(first)
    assert ids(json.loads(first.ask(desk.worker, 2).page.plain)) == [9, 10]  # its answer was lost on the way
    desk.clock.now += SEVERAL_S - 1
    second.step(desk.worker)
    desk.clock.now += SEVERAL_S - 1
    desk.add(0)
    third.step(desk.worker)
    assert ids(desk.read(second)) == list(range(1, 11))
    assert ids(desk.read(third)) == list(range(1, 11))


def test_a_last_page_that_is_asked_for_again_does_not_end_the_read_that_has_begun_since(desk: Desk) -> None:
    first, second, third = (desk.client() for _ in range(3))
    second.token = third.token = first.token
    desk.read(first)
    desk.clock.now += 1
    second.step(desk.worker)
    desk.clock.now += 1
    first.ask(desk.worker, 2)  # its answer was lost on the way
    desk.add(0)
    third.step(desk.worker)
    assert ids(desk.read(second)) == list(range(1, 11))
    assert ids(desk.read(third)) == list(range(1, 11))


def test_a_changed_quota_in_the_middle_of_a_read_leaves_its_pages_alone(desk: Desk) -> None:
    first, second = desk.client(), desk.client()
    second.token = first.token
    first.step(desk.worker)
    desk.add(0)
    second.settings, second.version = make_settings(rate_limit=7), 1
    second.step(desk.worker)
    assert ids(desk.read(first)) == list(range(1, 11))


def test_an_old_snapshot_that_is_still_the_newest_protects_its_readers_too(desk: Desk) -> None:
    first, second = desk.client(), desk.client()
    second.token = first.token
    desk.read(first)
    for _hour in range(3):
        desk.clock.now += SESSION_S - 100
        desk.read(first)
    desk.clock.now += SESSION_S - 100
    first.step(desk.worker)
    desk.add(0)
    second.step(desk.worker)
    assert ids(desk.read(first)) == list(range(1, 11))


def test_an_abandoned_read_holds_back_new_rows_for_half_a_minute_only(desk: Desk) -> None:
    client = desk.client()
    client.step(desk.worker)
    client.abort()
    desk.add(0)
    assert ids(desk.read(client)) == list(range(1, 11))
    desk.clock.now += IDLE_S
    assert ids(desk.read(client)) == list(range(11))


def test_a_client_that_aborts_is_given_the_same_changes_again(desk: Desk) -> None:
    client = desk.client(INCREMENTAL, limit=2)
    desk.read(client)
    desk.add(1, 2, 3, name="new")
    client.step(desk.worker)
    client.abort()
    desk.clock.now += IDLE_S
    desk.add(9, name="newer")
    assert ids(desk.read(client)) == [1, 2, 3, 9]


def test_one_that_goes_on_with_a_read_nobody_knows_any_more_keeps_its_position(desk: Desk) -> None:
    client = desk.client(INCREMENTAL, limit=2)
    desk.read(client)
    desk.add(1, 2, 3, name="new")
    client.step(desk.worker)
    desk.clock.now += SESSION_S
    client.ask(desk.worker, 1)  # the last page, of a read of its own
    client.abort()
    assert ids(desk.read(client)) == [1, 2, 3]


def test_reading_without_state_leaves_the_position_where_it_was(desk: Desk) -> None:
    client = desk.client(INCREMENTAL)
    desk.read(client)
    desk.add(1, name="new")
    stateless = replace(client, settings=make_settings(sync_mode=3), version=1)
    assert len(desk.read(stateless)) == 10
    assert ids(desk.read(replace(client, version=2))) == [1]


def test_each_token_stands_where_it_stands(desk: Desk) -> None:
    first, second = desk.client(INCREMENTAL), desk.client(INCREMENTAL)
    desk.read(first)
    desk.add(1, name="new")
    assert ids(desk.read(first)) == [1]
    assert ids(desk.read(second)) == list(range(1, 11))


def test_auto_mode_gives_everything_after_its_window(desk: Desk) -> None:
    client = desk.client(make_settings(sync_mode=0, sync_window_hours=2))
    desk.read(client)
    desk.add(1, name="new")
    desk.clock.now += 7200
    assert ids(desk.read(client)) == [1]
    desk.clock.now += 7201
    assert ids(desk.read(client)) == list(range(1, 11))


def test_the_first_read_is_bounded_by_first_sync_hours(desk: Desk) -> None:
    desk.clock.now += 7200
    desk.add(4, name="new")
    desk.clock.now += 60
    client = desk.client(make_settings(sync_mode=1, first_sync_hours=1), limit=1)
    client.step(desk.worker)
    desk.add(5, 6, name="newer")
    assert ids(desk.read(client)) == [4]
    assert ids(desk.read(client)) == [5, 6]


def test_a_course_that_is_hidden_in_the_middle_of_a_read_stays_until_its_end(desk: Desk) -> None:
    desk.add(1, 2, 3, courseid=2)
    client = desk.client(limit=2)
    client.step(desk.worker)
    client.settings, client.version = make_settings(course_2=0), 1
    rows = desk.read(client)
    assert rows == desk.company.expected(
        desk.worker.get(client.token, client.settings, limit=2, offset=2, settings_version=1).session
    )
    assert {row[1] for row in rows} == {1, 2}
    assert {row[1] for row in desk.read(client)} == {1}


def test_a_setting_counts_from_the_next_first_page_on_even_while_others_read(desk: Desk) -> None:
    desk.add(1, courseid=2)
    client = desk.client()
    client.step(desk.worker)
    client.abort()
    client.settings, client.version = make_settings(course_2=0), 1
    assert {row[1] for row in desk.read(client)} == {1}


def test_a_course_shown_again_is_delivered_to_an_incremental_client(desk: Desk) -> None:
    desk.add(1, 2, courseid=2)
    client = desk.client(make_settings(sync_mode=1, course_2=0))
    assert {row[1] for row in desk.read(client)} == {1}
    client.settings, client.version = INCREMENTAL, 1
    assert {row[1] for row in desk.read(client)} == {1, 2}


def test_a_row_deleted_and_revived_is_there_once_in_each_snapshot(desk: Desk) -> None:
    before, between, after = desk.client(limit=1), desk.client(limit=1), desk.client(limit=1)
    before.step(desk.worker)
    del desk.company.rows[5, 1]
    desk.company.sync()
    between.step(desk.worker)
    desk.add(5, name="back")
    after.step(desk.worker)
    desk.add(5, name="last")
    found = [{u: n for u, _c, n in desk.read(each)}.get(5) for each in (before, between, after)]
    assert found == ["Ada", None, "back"]


def test_a_first_page_whose_session_is_replaced_while_it_is_built_is_read_again(desk: Desk, engine: Engine) -> None:
    client, rival = desk.client(), desk.client()
    rival.token = client.token
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        other, replaced = Worker(connection, desk.clock), []

        def slow_render(rows: list[object]) -> bytes:
            if not replaced:
                replaced.append(True)
                desk.add(0)
                rival.step(other)
            return render(rows)

        served = get(desk.worker, client, slow_render)
    assert served[0][0] == 0
    client.pages = [json.dumps(served).encode()]
    assert ids(desk.read(client)) == list(range(11))


def get(worker: Worker, client: Client, render: Callable[..., bytes]) -> list[list[object]]:
    access = access_of(worker.connection, client.token, client.limit)
    request = PageRequest(limit=client.limit, offset=0, form="json")
    shared = DatabasePages(worker.connection, access.companyid or 0, max_bytes=1 << 20, clock=worker.clock)
    session = worker.reader.join_or_begin(worker.connection, access, client.settings, request)
    served = worker.reader.serve(worker.connection, shared, access, client.settings, session, request, render)
    rows: list[list[object]] = json.loads(served.page.plain)
    return rows


@pytest.mark.parametrize("mode", range(4))
def test_first_pages_fired_at_once_belong_to_one_read(desk: Desk, engine: Engine, mode: int) -> None:
    settings = make_settings(sync_mode=mode)
    token = make_token(engine, desk.company.companyid)
    gate = threading.Barrier(8)

    def read(_number: int) -> tuple[list[tuple[int, int, str]], int]:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            client, worker = Client(token, 4, settings), Worker(connection, desk.clock)
            gate.wait()
            rows = client.read(worker)
            assert client.session is not None
            return rows, client.session.snapshot_seq

    with ThreadPoolExecutor(8) as executor:
        results = list(executor.map(read, range(8)))
    whole = [(userid, 1, "Ada") for userid in range(1, 11)]
    # A client that was slow to start may find the others done: the next incremental read, then, of nothing new.
    assert all(rows == whole or (mode < 2 and rows == []) for rows, _ in results)
    assert whole in [rows for rows, _ in results]
    assert {seq for _, seq in results} == {desk.company.newest_seq}


def test_an_empty_company_gives_an_empty_page_and_a_position(engine: Engine, desk: Desk) -> None:
    company = Company(engine, desk.clock)
    client = Client(make_token(engine, company.companyid), 5, INCREMENTAL)
    assert client.read(desk.worker) == []
    company.rows[1, 1] = "Ada"
    company.sync()
    assert client.read(desk.worker) == [(1, 1, "Ada")]
