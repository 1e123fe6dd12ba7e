"""A request like the one before costs one statement, and is refused all the same once it must be."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, event, update

from alx_core.domain.quota import usage_day
from alx_core.store.access import calls_on
from alx_core.store.engine import transaction
from alx_core.store.tables import api_tokens
from alx_core.store.tokens import hash_token
from support.api import set_company
from support.in_process import InProcess, in_process
from support.reads import Company, make_token
from support.reporting_databases import migrated_engine

PAGE = {"limit": 5, "offset": 0}


class Site:
    """The API over a company of 20 rows in PostgreSQL, and a token of it."""

    def __init__(self, api: InProcess, company: Company) -> None:
        self.api = api
        self.company = company
        self.token = make_token(api.engine, company.companyid)

    def outcome(self, **page: int) -> str:
        """Ask for a page."""
        return self.api.outcome(self.token, **(page or PAGE))

    def calls(self) -> int:
        """The calls counted today."""
        day = usage_day(self.api.clock.now, ZoneInfo("UTC"))
        with self.api.engine.connect() as connection:
            return calls_on(connection, day)[self.company.companyid]

    def revoke(self) -> None:
        """Revoke the token."""
        with transaction(self.api.engine) as connection:
            is_it = api_tokens.c.token_hash == hash_token(self.token)
            connection.execute(update(api_tokens).where(is_it).values(revoked_at=1))

    def expire(self) -> None:
        """Let the token have expired."""
        with transaction(self.api.engine) as connection:
            is_it = api_tokens.c.token_hash == hash_token(self.token)
            connection.execute(update(api_tokens).where(is_it).values(expires_at=1))

    def use_up(self) -> None:
        """Lower the quota to what has been used."""
        set_company(self.api.engine, self.company.companyid, rate_limit=2)

    def switch_off(self) -> None:
        """Switch the company off."""
        set_company(self.api.engine, self.company.companyid, enabled=0)


@contextmanager
def statements() -> Iterator[list[str]]:
    """What every engine of this process runs meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with migrated_engine("postgresql", tmp_path / "database") as engine, in_process(engine, tmp_path) as api:
        company = Company(engine, api.clock, rows={(userid, 1): "a" for userid in range(1, 21)})
        company.sync()
        set_company(engine, company.companyid, rate_limit=1000)
        site = Site(api, company)
        assert [site.outcome(), site.outcome()] == ["ok", "ok"]
        yield site


@pytest.mark.parametrize("offset", [0, 5])
def test_a_page_that_the_process_has_costs_one_statement(site: Site, offset: int) -> None:
    for _ in range(2):
        assert site.outcome(limit=5, offset=offset) == "ok"
    with statements() as seen:
        assert site.outcome(limit=5, offset=offset) == "ok"
    assert len(seen) == 1, seen
    assert site.api.last["charged"] == 1


def test_an_uncached_page_of_rows_that_have_not_moved_costs_one_more(site: Site) -> None:
    set_company(site.api.engine, site.company.companyid, cache_enabled=0)
    assert [site.outcome(), site.outcome()] == ["ok", "ok"]
    with statements() as seen:
        assert site.outcome() == "ok"
    assert len(seen) == 2, seen


def test_a_page_that_nobody_has_costs_four_more(site: Site) -> None:
    """A look for it, the claim to build it, its rows, and the page itself."""
    with statements() as seen:
        assert site.outcome(limit=5, offset=5) == "ok"
    assert len(seen) == 5, seen
    assert [site.api.last["cache_hit"], site.api.last["rows"]] == [0, 5]


@pytest.mark.parametrize(
    ("change", "errorcode", "charged"),
    [
        (Site.revoke, "invalidtoken", 0),
        (Site.expire, "accessexception", 0),
        (Site.use_up, "ratelimitexceeded", 0),
        (Site.switch_off, "nocompanyassociation", 1),
    ],
)
def test_what_changed_since_the_last_request_counts_for_the_next(
    site: Site, change: Callable[[Site], None], errorcode: str, charged: int
) -> None:
    before = site.calls()
    change(site)
    assert site.outcome() == errorcode
    assert site.calls() - before == charged


def test_what_was_synced_since_the_last_request_is_in_the_next_read(site: Site) -> None:
    site.company.rows[21, 1] = "new"
    site.company.sync()
    site.api.clock.now += 60  # longer than a read that was given up holds back new rows
    assert [row["userid"] for row in site.api.rows(site.token, limit=50)] == list(range(1, 22))
