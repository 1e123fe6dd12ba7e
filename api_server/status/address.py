"""The page's address: the tab and its filters, from a query and back. Whatever makes no sense is left out."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

import falcon

from alx_core.domain.company_state import CompanyState
from alx_core.store.monitoring.syncs import CompanyFilter, CompanySort

E = TypeVar("E", bound=StrEnum)

DEFAULT = CompanyFilter()

PATH = "/status"
MAX_TEXT = 100
MAX_PAGE = 1_000_000
NUMERIC = frozenset(CompanySort) - {CompanySort.NAME, CompanySort.STATE}
"""A click on these columns begins with the largest."""


class Tab(StrEnum):
    """The three tabs; the first one is shown unless another is asked for."""

    SYNC = "sync"
    PERFORMANCE = "performance"
    SECURITY = "security"

    @property
    def label(self) -> str:
        """What people read."""
        return "Auto-Sync" if self is Tab.SYNC else self.value.capitalize()


@dataclass(frozen=True, slots=True)
class Address:
    """Which tab, and of the company table which page of which companies."""

    tab: Tab = Tab.SYNC
    wanted: CompanyFilter = DEFAULT
    page: int = 1

    @classmethod
    def read(cls, req: falcon.Request, tab: Tab | None = None) -> "Address":
        """Read a request's query; `tab` is fixed where the path says it."""
        sort = _member(CompanySort, req.get_param("sort")) or CompanySort.STATE
        page = req.get_param("page") or "1"
        wanted = CompanyFilter(
            text=(req.get_param("q") or "").replace("\0", "").strip()[:MAX_TEXT],
            state=_member(CompanyState, req.get_param("state")),
            sort=sort,
            is_descending=req.get_param("dir") == "desc",
        )
        number = min(int(page), MAX_PAGE) if page.isascii() and page.isdigit() and len(page) < 10 else 1
        return cls(tab or _member(Tab, req.get_param("tab")) or Tab.SYNC, wanted, number)

    @property
    def url(self) -> str:
        """The address; what is the default is not written."""
        wanted = self.wanted
        query = {"tab": self.tab.value}
        if self.tab is Tab.SYNC:
            query |= {"q": wanted.text} if wanted.text else {}
            query |= {"state": wanted.state.value} if wanted.state else {}
            query |= {"sort": wanted.sort.value} if wanted.sort is not DEFAULT.sort or wanted.is_descending else {}
            query |= {"dir": "desc"} if wanted.is_descending else {}
            query |= {"page": str(self.page)} if self.page > 1 else {}
        return f"{PATH}?{urlencode(query)}"

    def sorted_by(self, sort: CompanySort) -> "Address":
        """Where a click on a column's heading leads: the other way round where it is sorted by already."""
        is_same = self.wanted.sort is sort
        is_descending = not self.wanted.is_descending if is_same else sort in NUMERIC
        return replace(self, wanted=replace(self.wanted, sort=sort, is_descending=is_descending), page=1)

    def on_page(self, page: int) -> "Address":
        """Another page of the company table."""
        return replace(self, page=page)


def _member(kind: type[E], text: str | None) -> E | None:
    return kind(text) if text in list(kind) else None
