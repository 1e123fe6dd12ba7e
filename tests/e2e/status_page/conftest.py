"""Fixtures of the status page: a browser, and sites in their first week, busy or new."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from support.browser import chromium
from support.reporting_databases import migrated_engine
from support.status_pages import BERLIN, DESK, NOW, MakePage, Site, serve
from support.status_site import fill


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of the module."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A busy week, not to be changed by a test."""
    with migrated_engine("postgresql", tmp_path_factory.mktemp("site")) as engine:
        fill(engine, NOW)
        yield from serve(engine)


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    """A busy week for one test alone."""
    with migrated_engine("sqlite", tmp_path) as engine:
        fill(engine, NOW)
        yield from serve(engine)


@pytest.fixture
def empty_site(tmp_path: Path) -> Iterator[Site]:
    """An installation on its first day."""
    with migrated_engine("sqlite", tmp_path) as engine:
        yield from serve(engine)


@pytest.fixture
def make_page(browser: Browser) -> Iterator[MakePage]:
    """A function that opens a page of its own; at the end no page may have complained on its console.

    `notes`: how notes begin that the browser itself may make there, whenever it gets to it.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def make(*, notes: tuple[str, ...] = (), **options: Any) -> Page:
        def hear(message: ConsoleMessage) -> None:
            if message.type != "log" and not message.text.startswith(notes):
                complaints.append(message.text)

        context = browser.new_context(**{"viewport": DESK, **BERLIN, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []
