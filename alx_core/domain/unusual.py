"""Use of the API that is out of the ordinary: three rules, each with what it catches and how often it is wrong.

The rates are those of three simulated quiet months, `benchmarks/quiet_month.py --seed 1`, `2` and `3`: 12 companies, 30
days, 8 to 48 refreshes a day, nobody doing anything wrong, so that every finding is a false one. Together 19 of them: 6
a month. Five incidents put into each of the months were all found.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from alx_core.domain.networks import site_of


class UnusualKind(StrEnum):
    """What is out of the ordinary."""

    VOLUME = "volume"
    """Calls far above the company's own history."""
    NEW_ADDRESS = "new_address"
    """A token is used from an address it never was used from before."""
    TRUNCATED_READER = "truncated_reader"
    """A client reads the first page of a longer table and believes it is all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something unusual. `companyid` is None where a token has no company; `figures` say by how much."""

    kind: UnusualKind
    companyid: int | None
    token_id: int | None
    address: str | None
    figures: Mapping[str, int | float | str]


MIN_HISTORY = 4
"""Hours of the past below which there is no telling what is usual."""
MAX_Z = 6.0
MIN_SPREAD_CALLS = 10.0
"""One more or one less refresh of ten pages is always usual."""
MAD_TO_SIGMA = 1.4826
"""The median absolute deviation of a normal distribution is its standard deviation divided by this."""


@dataclass(frozen=True, slots=True)
class ZScore:
    """Calls of an hour against the same hour of the weeks before: `z` spreads above the median."""

    calls: int
    median: float
    spread: float

    @property
    def z(self) -> float:
        """How many spreads the calls lie above the median."""
        return (self.calls - self.median) / self.spread


def volume_finding(history: Sequence[int], calls: int) -> ZScore | None:
    """Return the score of an hour with far more calls than the company's `history`, else None.

    `history`: calls in the same hour of the same weekday, in the weeks before, 0 where there were none. Median and
    median absolute deviation, because one bad week among them must not make the next one usual; the spread is at least
    ten calls and at least what chance alone does to a median of that size.

    Catches: a refresh in a loop, a copied token, a scraper. Misses: what grows slowly over weeks, less than some sixty
    calls more than usual, and everything in a company's first four weeks. False: 1 in 25,920 hours of a company
    (0.004 %), somebody who refreshed a long report by hand again and again at the end of a month.
    """
    if len(history) < MIN_HISTORY:
        return None
    middle = float(median(history))
    deviation = MAD_TO_SIGMA * median(abs(each - middle) for each in history)
    score = ZScore(calls, middle, max(deviation, MIN_SPREAD_CALLS, middle**0.5))
    return score if score.z > MAX_Z else None


ROAMING_SITES = 3
ROAMING_DAYS = 30
"""A token that came up at more than ROAMING_SITES new addresses within ROAMING_DAYS is one that roams: a cloud service
that calls from wherever it runs. One more address says nothing of it."""


@dataclass(frozen=True, slots=True)
class TokenUse:
    """A token seen at an address: first and last time within the hours looked at, epoch seconds."""

    token_id: int
    companyid: int | None
    address: str
    first_at: int
    last_at: int


def first_seen_addresses(uses: Iterable[TokenUse], known: Mapping[int, Mapping[str, int]]) -> list[TokenUse]:
    """Return the uses from an address that the token, used before from another one, was never seen at.

    `known`: by token, the sites (see `site_of`) it was ever seen at before these uses, each with the first time.

    Catches: a token that leaked and is used by somebody else. Misses: a thief in the owner's own network, and tokens of
    cloud services, which roam. False: 18 in 25,920 hours of a company (0.07 %), all of the two companies whose internet
    line gets a new address every other week; and, in the first days of a token, up to three for one that roams and one
    for each home that its users work at.
    """
    sites = {token_id: dict(seen) for token_id, seen in known.items()}
    found = []
    for use in sorted(uses, key=lambda each: (each.first_at, each.token_id, each.address)):
        seen, site = sites.setdefault(use.token_id, {}), site_of(use.address)
        if seen and site not in seen and not _roams(seen, use.first_at):
            found.append(use)
        seen.setdefault(site, use.first_at)
    return found


def _roams(seen: Mapping[str, int], now: int) -> bool:
    since = now - ROAMING_DAYS * 86_400
    return sum(first_at > since for first_at in seen.values()) > ROAMING_SITES


GRACE_S = 600
"""How long after the first page a client may take to ask for the second."""
READER_MEMORY_S = 86_400
"""A client that asked for a later page within this time knows how to page: it is somebody trying things out."""


@dataclass(frozen=True, slots=True)
class FirstPage:
    """A first page that was served. `limit` is the page size that held; `table_rows` what the company has in all."""

    token_id: int
    companyid: int
    address: str
    at: int
    rows: int
    limit: int
    table_rows: int


def truncated_readers(pages: Iterable[FirstPage], later: Mapping[int, Sequence[int]]) -> list[FirstPage]:
    """Return, once per token, the full first pages of larger tables after which no further page was asked for.

    `later`: by token, when it asked for later pages, epoch seconds; from READER_MEMORY_S before the pages until
    GRACE_S after them.

    Catches: a report without paging, which shows the first rows as if they were all. Misses: one whose token another
    client uses that pages. False: none in 25,920 hours of a company, with reports built in Power Query's preview in
    them; a first try of a new token by hand that stops after a full page would be one.
    """
    found: dict[int, FirstPage] = {}
    for page in sorted(pages, key=lambda each: each.at):
        if page.rows < page.limit or page.table_rows <= page.rows or page.token_id in found:
            continue
        if not any(-READER_MEMORY_S <= at - page.at <= GRACE_S for at in later.get(page.token_id, ())):
            found[page.token_id] = page
    return list(found.values())
