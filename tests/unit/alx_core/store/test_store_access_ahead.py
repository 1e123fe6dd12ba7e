"""Counting along with the look: what is counted and noted is exactly what would have been, one step at a time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from alx_core.domain.paging import ReadMode, Session
from alx_core.store.access import Access, Ahead, Found, calls_on, find_access_ahead, find_session
from alx_core.store.companies import upsert_company
from alx_core.store.sessions import begin_session
from alx_core.store.settings import save_settings_of
from alx_core.store.tables import api_tokens
from alx_core.store.tokens import hash_token
from support.builders import COMPANY, NOW
from support.reads import access_of, make_token
from support.reporting_databases import migrated_engine

pytestmark = pytest.mark.slow

DAY = "2026-11-24"
LIMIT = 100
SESSION = Session(ReadMode.FULL, 7, 0, 0, NOW, NOW, None)


class Site:
    """A token in the middle of a read, and what a process knows of it."""

    def __init__(self, connection: Connection, token: str) -> None:
        self.connection = connection
        self.token = token
        self.known: Access = access_of(connection, token, LIMIT)

    def look(self, *, quota: int = 0, begins: Session | None = SESSION, calls: int = 1) -> Found | None:
        """Look ahead with what is known."""
        ahead = Ahead(self.known, DAY, quota, NOW + 1, begins)
        return find_access_ahead(self.connection, hash_token(self.token), LIMIT, ahead, calls=calls)

    def calls(self) -> int:
        """The calls counted."""
        return calls_on(self.connection, DAY).get(COMPANY, 0)

    def reads_begun(self) -> int:
        """The reads noted."""
        session = find_session(self.connection, self.known.token_id, LIMIT)
        return 0 if session is None else session.reads_begun

    def revoke(self) -> None:
        """Revoke the token."""
        self.connection.execute(update(api_tokens).where(api_tokens.c.id == self.known.token_id).values(revoked_at=NOW))

    def publish(self) -> None:
        """End a sync of the company."""
        upsert_company(self.connection, COMPANY, published_seq=8)

    def set_limit(self) -> None:
        """Change a setting of the company."""
        save_settings_of(self.connection, COMPANY, {"rate_limit": "5"}, now=NOW)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with (
        migrated_engine("postgresql", tmp_path) as engine,
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        upsert_company(connection, COMPANY, shortname="acme", published_seq=7)
        token = make_token(engine, COMPANY)
        token_id = access_of(connection, token, LIMIT).token_id
        assert begin_session(connection, token_id, LIMIT, before=None, session=SESSION)
        yield Site(connection, token)


def test_a_known_token_is_looked_up_counted_and_noted_at_once(site: Site) -> None:
    assert site.look() == Found(replace(site.known, session=SESSION), is_charged=True, has_begun=True)
    assert (site.calls(), site.reads_begun()) == (1, 1)


def test_a_later_page_is_counted_and_brings_its_read_as_it_stands(site: Site) -> None:
    site.look()
    assert site.look(begins=None) == Found(access_of(site.connection, site.token, LIMIT), is_charged=True)
    assert (site.calls(), site.reads_begun()) == (2, 1)


@pytest.mark.parametrize("begins", [SESSION, None])
@pytest.mark.parametrize("change", [Site.revoke, Site.publish, Site.set_limit])
def test_nothing_is_counted_or_noted_when_the_token_or_its_company_has_changed(
    site: Site, change: Callable[[Site], None], begins: Session | None
) -> None:
    change(site)
    assert site.look(begins=begins) == Found(access_of(site.connection, site.token, LIMIT))
    assert (site.calls(), site.reads_begun()) == (0, 0)


@pytest.mark.parametrize("begins", [SESSION, None])
def test_the_quota_is_exact(site: Site, begins: Session | None) -> None:
    found = [site.look(quota=3, begins=begins) for _ in range(5)]
    assert [each is not None and each.is_charged for each in found] == [True, True, True, False, False]
    assert (site.calls(), site.reads_begun()) == (3, 3 if begins else 0)


@pytest.mark.parametrize("begins", [SESSION, None])
def test_calls_that_come_together_are_counted_and_noted_all_or_none(site: Site, begins: Session | None) -> None:
    found = [site.look(quota=7, begins=begins, calls=calls) for calls in (3, 4, 1)]
    assert [each is not None and each.is_charged for each in found] == [True, True, False]
    assert (site.calls(), site.reads_begun()) == (7, 7 if begins else 0)


@pytest.mark.parametrize("begins", [SESSION, None])
def test_calls_of_which_not_all_fit_into_the_quota_are_not_counted(site: Site, begins: Session | None) -> None:
    found = [site.look(quota=5, begins=begins, calls=calls) for calls in (6, 3, 3, 2)]
    assert [each is not None and each.is_charged for each in found] == [False, True, False, True]
    assert (site.calls(), site.reads_begun()) == (5, 5 if begins else 0)


def test_a_read_whose_place_another_took_is_counted_but_not_noted(site: Site) -> None:
    found = site.look(begins=replace(SESSION, snapshot_seq=6))
    assert found == Found(access_of(site.connection, site.token, LIMIT), is_charged=True)
    assert (site.calls(), site.reads_begun()) == (1, 0)


@pytest.mark.parametrize("begins", [SESSION, None])
def test_a_token_that_is_gone_is_not_found(site: Site, begins: Session | None) -> None:
    site.token = "alx_unknown"
    assert site.look(begins=begins) is None
    assert site.calls() == 0
