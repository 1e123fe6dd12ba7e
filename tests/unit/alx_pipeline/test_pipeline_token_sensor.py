"""Imported tokens stay in step with Moodle by themselves."""

from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from alx_core.settings import Settings
from alx_core.store.engine import open_engine
from alx_core.store.tokens import list_tokens
from alx_pipeline.resources import Alx
from alx_pipeline.token_sensor import moodle_token_sensor
from support.api import bring_tokens
from support.reporting_databases import write_migrated
from support.site import AS_OF

ACME = 303
"""User id of svc_acme."""


class Site:
    """The real site, and an installation over it."""

    def __init__(self, moodle: Path, home: Path) -> None:
        self.moodle = moodle
        self.settings = Settings(home=home, moodle_url=f"sqlite:///{moodle}")
        write_migrated(home / "alx.sqlite")

    def edit(self, statement: str) -> None:
        engine = create_engine(f"sqlite:///{self.moodle}")
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def bring_tokens(self) -> None:
        with open_engine(self.settings.database) as engine:
            bring_tokens(URL.create("sqlite", database=str(self.moodle)), engine, now=AS_OF)

    def tick(self) -> str:
        context = dg.build_sensor_context(resources={"alx": Alx(lambda: self.settings, clock=lambda: AS_OF)})
        found = moodle_token_sensor(context)
        assert isinstance(found, dg.SkipReason)
        return found.skip_message or ""

    def states(self) -> dict[int, tuple[str, bool]]:
        with open_engine(self.settings.database) as engine, engine.connect() as connection:
            rows = list_tokens(connection)
        return {row["owner_userid"]: (row["owner_state"], row["revoked_at"] is not None) for row in rows}


@pytest.fixture
def site(site_copy: Path, tmp_path: Path) -> Site:
    return Site(site_copy, tmp_path / "home")


def test_nothing_is_imported_before_an_administrator_did(site: Site) -> None:
    assert site.tick() == "No token was imported from Moodle."
    assert site.states() == {}


def test_an_owner_who_is_suspended_in_moodle_is_refused_from_the_next_tick_on(site: Site) -> None:
    site.bring_tokens()
    assert site.states()[ACME] == ("active", False)
    site.edit(f"UPDATE mdl_user SET suspended = 1 WHERE id = {ACME}")
    assert site.tick() == "0 added, 1 updated, 0 revoked."
    assert site.states()[ACME] == ("suspended", False)


def test_a_token_that_is_deleted_in_moodle_is_revoked(site: Site) -> None:
    site.bring_tokens()
    site.edit(f"DELETE FROM mdl_external_tokens WHERE userid = {ACME}")
    assert site.tick() == "0 added, 0 updated, 1 revoked."
    assert site.states()[ACME][1]


def test_a_moodle_that_is_gone_changes_nothing(site: Site) -> None:
    site.bring_tokens()
    before = site.states()
    site.moodle.rename(site.moodle.with_suffix(".away"))
    assert "did not answer" in site.tick()
    assert site.states() == before
