"""Served status pages and what a browser shows of them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from sqlalchemy import Engine, text

from support.status_server import StatusServer, make_settings, serving

AXE = Path(__file__).parents[1] / "fixtures" / "axe" / "axe.min.js"
HOUR = 1_795_507_200
"""24 November 2026, 08:00 UTC."""
NOW = HOUR + 1_830
BERLIN = {"timezone_id": "Europe/Berlin", "locale": "en-GB"}
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1240, "height": 900}


class Clock:
    """A clock that stands still until a test moves it."""

    now = float(NOW)

    def __call__(self) -> float:
        """Return now."""
        return self.now


class Site:
    """A served status page, its database and its clock."""

    def __init__(self, server: StatusServer, engine: Engine, clock: Clock) -> None:
        """Keep them."""
        self.url = server.url
        self.engine = engine
        self.clock = clock

    def ask(self, query: str, **values: Any) -> Any:
        """Return the single value that a query finds."""
        with self.engine.connect() as connection:
            return connection.execute(text(query), values).scalar_one()


def serve(engine: Engine, **settings: Any) -> Iterator[Site]:
    """Yield the status page over a database, served, with a clock of its own."""
    clock = Clock()
    url = engine.url.render_as_string(hide_password=False)
    with serving(make_settings(url, **settings), clock) as server:
        yield Site(server, engine, clock)


MakePage = Callable[..., Page]
FAILED_REQUEST = ("Failed to load resource",)


def figure(page: Page, card: str) -> str:
    """The figure on a card."""
    return page.locator(f"#card-{card} .figure").inner_text()


def cells(page: Page, table: str) -> list[list[str]]:
    """The cells of a table, line by line."""
    rows = page.locator(f"#{table} tbody tr").all()
    return [[cell.inner_text() for cell in row.locator("th, td").all()] for row in rows]


def comma(value: Any) -> str:
    """A number as the page writes it."""
    return f"{int(value):,}"


def percent(part: float, whole: float) -> str:
    """A share as the page writes it."""
    share = 100 * part / whole
    return "100 %" if share == 100 else f"{min(share, 99.9):.1f} %"


def run_axe(page: Page) -> list[str]:
    """What axe finds wrong with the accessibility of a page."""
    page.add_script_tag(path=str(AXE))
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in result["violations"]
        for node in each["nodes"]
    ]
