"""A page is the same whoever reads it, at whatever offset, from the cache or not."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from alx_core.services import reading
from alx_core.store.companies import upsert_company
from alx_core.store.engine import transaction
from alx_core.store.pages import Snapshot
from alx_core.store.tables import api_sessions, reporting
from support.desk import FULL, Desk
from support.reads import Client, Company, Worker, make_settings, make_token


def test_the_same_page_is_the_same_bytes_for_another_worker(desk: Desk, engine: Engine) -> None:
    client = desk.client(make_settings(cache_enabled=0))
    pages = [client.ask(desk.worker, page).page for page in range(3)]
    desk.add(*range(30), name="new")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        other = Worker(connection, desk.clock)
        assert [client.ask(other, page).page for page in (1, 2)] == pages[1:]


@pytest.mark.parametrize("cache", [0, 1])
def test_pages_at_any_offset_in_any_order_are_slices_of_the_whole(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, cache: int
) -> None:
    monkeypatch.setattr(reading, "MAP_STEP", 3)
    monkeypatch.setattr("alx_core.store.pages.MAP_STEP", 3)
    desk.add(*range(1, 24), courseid=2)
    settings = make_settings(cache_enabled=cache)
    token = make_token(desk.engine, desk.company.companyid)
    whole = [list(each) for each in desk.company.expected(desk.worker.get(token, settings, limit=7, offset=0).session)]
    for offset in [28, 5, 40, 33, 1, 32, 34, 7, 14, 21, 2, 31, 3, 6, 9]:
        page = desk.worker.get(token, settings, limit=7, offset=offset).page
        assert json.loads(page.plain) == whole[offset : offset + 7]


def test_the_page_map_is_made_once_a_snapshot_and_the_next_page_needs_none(
    desk: Desk, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAP_STEP", 3)
    monkeypatch.setattr("alx_core.store.pages.MAP_STEP", 3)
    made: list[Snapshot] = []
    real = reading.page_map
    monkeypatch.setattr(
        reading, "page_map", lambda connection, snapshot: made.append(snapshot) or real(connection, snapshot)
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        other = Worker(connection, desk.clock)
        client = desk.client()
        for page, worker in enumerate([desk.worker, other, desk.worker, other]):
            client.ask(worker, page)
        assert made == []
        for offset in (5, 9, 7):
            for version, worker in enumerate([desk.worker, other]):
                worker.get(client.token, FULL, limit=4, offset=offset, settings_version=version)
    assert len(made) == 1


def test_a_page_of_another_company_or_view_is_never_served_from_the_cache(desk: Desk) -> None:
    desk.add(1, courseid=2)
    client = desk.client(limit=100)
    other_company = Company(desk.engine, desk.clock, rows={(1, 1): "Eve"})
    other_company.sync()
    stranger = Client(make_token(desk.engine, other_company.companyid), 100, FULL)
    assert len(desk.read(client)) == 11
    assert desk.read(stranger) == [(1, 1, "Eve")]
    hiding = replace(client, settings=make_settings(course_2=0), version=1)
    assert len(desk.read(hiding)) == 10


def test_numbers_of_changes_that_come_again_after_a_restore_never_meet_the_pages_that_were_lost(
    desk: Desk, engine: Engine
) -> None:
    companyid, token = desk.company.companyid, desk.client().token
    rows_of_it = reporting.c.companyid == companyid
    with engine.connect() as connection:
        backup = [row._asdict() for row in connection.execute(select(reporting).where(rows_of_it))]
    lost = desk.add(99, name="lost")
    assert "lost" in [row[2] for row in Client(token, 100, FULL).read(desk.worker)]
    with transaction(engine) as connection:  # all comes back but the pages, which a Redis keeps
        connection.execute(delete(api_sessions))
        connection.execute(delete(reporting).where(rows_of_it))
        connection.execute(insert(reporting), backup)
        is_first = rows_of_it & (reporting.c.userid == 1)
        connection.execute(update(reporting).where(is_first).values(firstname="new", change_seq=lost))
        upsert_company(connection, companyid, published_seq=lost)
    names = [row[2] for row in Client(token, 100, FULL).read(desk.worker)]
    assert (names.count("lost"), names.count("new")) == (0, 1)


def test_a_page_is_a_hit_for_every_token_of_the_company_and_a_miss_after_a_sync(desk: Desk) -> None:
    assert not desk.client().ask(desk.worker, 0).is_cache_hit
    client = desk.client()
    assert client.ask(desk.worker, 0).is_cache_hit
    desk.add(99)
    assert not desk.client().ask(desk.worker, 0).is_cache_hit
    off = desk.client(make_settings(cache_enabled=0))
    assert not off.ask(desk.worker, 0).is_cache_hit
