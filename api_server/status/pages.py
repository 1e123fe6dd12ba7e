"""Renders the status page. Everything that comes from a table is escaped by the templates."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from alx_core.domain.alerts import AlertState
from alx_core.services.status.performance import PerformanceView
from alx_core.services.status.security import SecurityView
from alx_core.services.status.sync import SyncView, is_stale
from alx_core.store.monitoring.syncs import CompanySort
from api_server.status import formatting
from api_server.status.address import Address, Tab
from api_server.status.assets import Asset, address_of
from api_server.status.cards import Tone, Verdict
from api_server.status.dagit import Dagit
from api_server.status.performance_tab import judge_performance, performance_cards
from api_server.status.security_tab import MEANINGS, SEVERITIES, judge_security, security_cards
from api_server.status.sync_tab import STATES, judge_syncs, sync_cards

FOLDER = Path(__file__).parent.parent / "templates"
REFRESH_S = 30

View = SyncView | PerformanceView | SecurityView

COLUMNS = (
    (CompanySort.NAME, "Company"),
    (CompanySort.STATE, "State"),
    (CompanySort.SYNCED, "Synced"),
    (CompanySort.ROWS, "Records"),
    (CompanySort.CREATED, "Created"),
    (CompanySort.UPDATED, "Updated"),
    (CompanySort.DELETED, "Deleted"),
    (CompanySort.ERRORS, "Errors"),
)


class Pages:
    """Renders; one per process."""

    def __init__(self, assets: Mapping[str, Asset], dagit: Dagit, *, has_password: bool) -> None:
        """Load the templates."""
        self._dagit = dagit
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["code"] = formatting.code
        self._environment.globals |= {
            "asset": lambda name: address_of(name, assets),
            "dagit": dagit,
            "has_password": has_password,
            "refresh_s": REFRESH_S,
            "say": formatting,
            "Tone": Tone,
        }

    def tab(self, address: Address, view: View, *, now: int) -> str:
        """Render one tab."""
        return self._page(
            f"{address.tab.value}.html",
            **self._say(view),
            view=view,
            address=address,
            tabs=[(tab, address.url if tab is address.tab else Address(tab).url) for tab in Tab],
            is_stale=is_stale(view.health) and address.tab is not Tab.SYNC,
            now=now,
        )

    def login(self, target: str, *, error: str = "") -> str:
        """Render the form that asks for the password; `target`: where it leads."""
        return self._page("login.html", target=target, error=error)

    def notice(self, verdict: Verdict, *, now: int, is_retried: bool) -> str:
        """Render a page that has nothing but a message; `is_retried`: it looks again by itself."""
        return self._page("notice.html", verdict=verdict, now=now, is_retried=is_retried)

    def _say(self, view: View) -> dict[str, Any]:
        if isinstance(view, SyncView):
            cards = sync_cards(view, self._dagit)
            return {"verdict": judge_syncs(view), "figures": cards, "states": STATES, "columns": COLUMNS}
        if isinstance(view, PerformanceView):
            return {"verdict": judge_performance(view), "figures": performance_cards(view)}
        return {
            "verdict": judge_security(view),
            "figures": security_cards(view),
            "severities": SEVERITIES,
            "meanings": MEANINGS,
            "acknowledged": AlertState.ACKNOWLEDGED,
        }

    def _page(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(**values)


def settled(address: Address, view: View) -> Address:
    """Return the address as it was answered: a page beyond the last one is the last one."""
    return replace(address, page=view.companies.page) if isinstance(view, SyncView) else address
