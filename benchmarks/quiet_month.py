"""What the rules for unusual use say of a quiet month: `.venv/bin/python benchmarks/quiet_month.py [--seed N]`.

Twelve companies refresh their reports for 30 days, after eight weeks of the same that give the rules their history.
Nobody does anything wrong, so every finding is a false one; each is listed with what really happened. Then the same
month with five incidents in it, each of which should be found. The traffic is made up without any code of the product;
the product then records it hour by hour and judges it at the end of each hour, as it would have done.
"""

import argparse
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine import URL

from alx_core.domain.unusual import Finding
from alx_core.services.metrics import record_hours
from alx_core.services.unusual import find_unusual
from alx_core.store.companies import upsert_company
from alx_core.store.engine import connect, open_engine, transaction
from alx_core.store.request_log import add_requests
from alx_core.store.schema import migrate

DAY = timedelta(days=1)
HOUR_S = 3600
MONTH = 30 * DAY
FIRST = datetime(2026, 9, 14, tzinfo=UTC)  # a Monday
BEGIN = FIRST + timedelta(weeks=8)
END = BEGIN + MONTH
HOLIDAY = datetime(2026, 11, 25, tzinfo=UTC).date()
PAGE = 1000


@dataclass(frozen=True)
class Company:
    """Who refreshes what, how often, and from where."""

    number: int
    rows: int
    refreshes: int
    """Scheduled ones a day: Power BI Pro allows 8, Premium 48."""
    addresses: str
    """`office`: one for ever; `line`: a new one every other week; `cloud`: any of forty; `ipv6`: a new one daily in one
    /64."""
    weekends: bool
    by_hand: float
    """Refreshes by hand on a working day."""
    homes: int
    """People who now and then work from home, with an address of their own."""


COMPANIES = (
    Company(1, 5_200, 8, "office", False, 2, 0),
    Company(2, 800, 8, "office", True, 1, 1),
    Company(3, 11_900, 48, "office", True, 1, 0),
    Company(4, 3_400, 24, "line", False, 3, 0),
    Company(5, 1_700, 8, "cloud", True, 0, 0),
    Company(6, 9_300, 16, "office", False, 6, 2),
    Company(7, 400, 8, "ipv6", True, 1, 0),
    Company(8, 2_600, 48, "cloud", True, 2, 1),
    Company(9, 7_800, 12, "line", False, 2, 0),
    Company(10, 6_100, 8, "office", False, 4, 0),
    Company(11, 1_300, 24, "office", True, 0.5, 1),
    Company(12, 4_900, 10, "office", False, 1, 0),
)

Row = dict[str, Any]


@dataclass
class Traffic:
    """The log rows made so far, and why an address or a read is what it is."""

    dice: random.Random
    rows: list[Row] = field(default_factory=list)
    reasons: dict[tuple[int, str], str] = field(default_factory=dict)

    def request(self, company: Company, at: datetime, address: str, **values: Any) -> None:
        """Log one request."""
        row = {
            "request_id": f"{len(self.rows):036d}", "timeaccessed": round(at.timestamp() * 1000),
            "token_id": company.number, "key_prefix": "", "companyid": company.number, "endpoint": "moodle",
            "method": "POST", "outcome": "ok", "http_status": 200, "rows": PAGE, "bytes": 200_000,
            "response_time_ms": self.dice.lognormvariate(2.5, 0.8), "cache_hit": int(self.dice.random() < 0.8),
            "replay": 0, "charged": 1, "ip_address": address, "user_agent": "Microsoft.Data.Mashup",
            "page_limit": PAGE, "page_offset": 0, "mode": "full",
        }  # fmt: skip
        self.rows.append({**row, **values})

    def read(self, company: Company, at: datetime, address: str, *, pages: int | None = None) -> None:
        """Log a read of the whole table, page by page, or of its first pages."""
        offset = 0
        while offset < company.rows and (pages is None or offset < pages * PAGE):
            self.request(company, at, address, rows=min(PAGE, company.rows - offset), page_offset=offset)
            at += timedelta(seconds=self.dice.uniform(0.2, 3))
            offset += PAGE


def working_day(day: datetime) -> bool:
    """Whether offices are open."""
    return day.weekday() < 5 and day.date() != HOLIDAY


def address_of(company: Company, at: datetime, traffic: Traffic) -> str:
    """Where the company's requests come from at the moment."""
    if company.addresses == "cloud":
        address = f"20.50.{company.number}.{traffic.dice.randrange(40)}"
        traffic.reasons[company.number, address] = "the cloud service called from another of its machines"
    elif company.addresses == "line":
        address = f"81.2.{company.number}.{(at - FIRST).days // 14}"
        traffic.reasons[company.number, address] = "the provider gave the line a new address"
    elif company.addresses == "ipv6":
        address = f"2001:db8:{company.number}::{(at - FIRST).days + 1:x}"
    else:
        address = f"192.0.2.{company.number}"
    return address


def quiet_day(company: Company, day: datetime, traffic: Traffic) -> None:
    """One company's day."""
    dice = traffic.dice
    if company.weekends or working_day(day):
        for slot in scheduled(company, day):
            late = timedelta(minutes=dice.uniform(30, 50)) if dice.random() < 0.02 else timedelta()
            at = slot + late + timedelta(seconds=dice.expovariate(1 / 60))
            traffic.read(company, at, address_of(company, at, traffic))
            if dice.random() < 0.01:  # a refresh that failed on the way is tried again, all of it
                traffic.read(company, at + timedelta(minutes=5), address_of(company, at, traffic))
    if working_day(day):
        month_end = 3 if day.day >= 29 else 1
        for _ in range(poisson(dice, company.by_hand * month_end)):
            by_hand(company, day + office_hour(dice), traffic)
        if dice.random() < 0.03:
            build_a_report(company, day + timedelta(hours=13), traffic)
    if dice.random() < 0.1:
        wrong_token(company, day + office_hour(dice), traffic)


def scheduled(company: Company, day: datetime) -> list[datetime]:
    """The day's refreshes: round the clock for the busy ones, in office hours for the others."""
    start, span = (0, 24) if company.refreshes > 24 else (6, 14)
    return [day + timedelta(hours=start + span * number / company.refreshes) for number in range(company.refreshes)]


def by_hand(company: Company, at: datetime, traffic: Traffic) -> None:
    """Somebody presses *Refresh*; some do it at home."""
    if company.homes and traffic.dice.random() < 0.1:
        address = f"203.0.113.{company.number * 10 + traffic.dice.randrange(company.homes)}"
        traffic.reasons[company.number, address] = "somebody worked from home for the first time"
    else:
        address = address_of(company, at, traffic)
    traffic.read(company, at, address)


def build_a_report(company: Company, at: datetime, traffic: Traffic) -> None:
    """An afternoon in Power Query: the preview reads the first page, again and again, and now and then all of it."""
    for _ in range(traffic.dice.randrange(10, 40)):
        at += timedelta(minutes=traffic.dice.uniform(1, 8))
        traffic.read(company, at, address_of(company, at, traffic), pages=None if traffic.dice.random() < 0.2 else 1)


def wrong_token(company: Company, at: datetime, traffic: Traffic) -> None:
    """A typing error, two or three times over."""
    for number in range(traffic.dice.randrange(1, 4)):
        traffic.request(
            company,
            at + timedelta(seconds=20 * number),
            address_of(company, at, traffic),
            outcome="invalidtoken",
            token_id=None,
            companyid=None,
            key_prefix="abcd",
            rows=0,
            page_offset=None,
            page_limit=None,
        )


def office_hour(dice: random.Random) -> timedelta:
    """A moment between eight and six."""
    return timedelta(hours=dice.uniform(8, 18))


def poisson(dice: random.Random, mean: float) -> int:
    """How often something happens that happens `mean` times on average."""
    count, left = 0, dice.expovariate(1)
    while left < mean:
        count, left = count + 1, left + dice.expovariate(1)
    return count


def quiet_months(seed: int) -> Traffic:
    """Eight weeks and a month without incidents."""
    traffic = Traffic(random.Random(seed))
    for day in range((END - FIRST).days):
        for company in COMPANIES:
            quiet_day(company, FIRST + day * DAY, traffic)
    return traffic


INCIDENTS = (
    "company 1: a refresh in a loop, 15 times in an hour, Wednesday at ten",
    "company 3: a copied token, read whole 20 times at night from the same office",
    "company 6: its token used by a stranger",
    "company 10: its token used by a stranger who reads one page",
    "company 12: a new report that reads the first page only",
)


def add_incidents(traffic: Traffic) -> None:
    """Put INCIDENTS into the month."""
    wednesday = BEGIN + 9 * DAY
    one, three, six, ten, twelve = (COMPANIES[number - 1] for number in (1, 3, 6, 10, 12))
    for number in range(15):
        traffic.read(one, wednesday + timedelta(hours=10, minutes=3 * number), "192.0.2.1")
    for number in range(20):
        traffic.read(three, wednesday + timedelta(hours=2, minutes=2 * number), "192.0.2.3")
    traffic.read(six, wednesday + timedelta(hours=23), "198.51.100.66")
    traffic.read(ten, wednesday + timedelta(hours=23, minutes=10), "198.51.100.77", pages=1)
    traffic.request(twelve, wednesday + timedelta(hours=11, minutes=9), "192.0.2.12", token_id=112)


def findings(engine: Engine, rows: Sequence[Row]) -> Iterator[Finding]:
    """Record and judge hour by hour; the weeks before the month are recorded at once and not judged."""
    by_hour = {
        hour: list(each)
        for hour, each in groupby(
            sorted(rows, key=lambda row: row["timeaccessed"]), key=lambda row: row["timeaccessed"] // 1000 // HOUR_S
        )
    }
    begin, end = int(BEGIN.timestamp()), int(END.timestamp())
    with transaction(engine) as connection:
        add_requests(connection, [row for hour, each in by_hour.items() if hour < begin // HOUR_S for row in each])
    record_hours(engine, start=int(FIRST.timestamp()), end=begin, now=begin)
    for hour in range(begin, end, HOUR_S):
        now = hour + HOUR_S + 360
        with transaction(engine) as connection:
            add_requests(connection, by_hour.get(hour // HOUR_S, []))
        record_hours(engine, start=hour, end=hour + HOUR_S, now=now)
        with connect(engine) as connection:
            yield from find_unusual(connection, hour=hour, now=now)


def judge(traffic: Traffic) -> list[Finding]:
    """Return all findings of the month, from a database of its own."""
    with TemporaryDirectory() as folder, open_engine(URL.create("sqlite", database=f"{folder}/month.sqlite")) as engine:
        migrate(engine)
        with transaction(engine) as connection:
            for company in COMPANIES:
                name = f"company {company.number}"
                upsert_company(connection, company.number, shortname=name, row_count=company.rows)
        return list(findings(engine, traffic.rows))


def describe(finding: Finding, traffic: Traffic) -> str:
    """One finding, and what really happened."""
    figures = ", ".join(f"{name} {value}" for name, value in finding.figures.items() if not name.endswith("at"))
    why = traffic.reasons.get((finding.companyid or 0, finding.address or ""), "")
    parts = (finding.kind, f"company {finding.companyid}", finding.address, figures, why and f"({why})")
    return "  " + "  ".join(part for part in parts if part)


def main() -> None:
    """Simulate, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    traffic = quiet_months(seed)
    in_month = sum(row["timeaccessed"] >= BEGIN.timestamp() * 1000 for row in traffic.rows)
    print(f"{len(COMPANIES)} companies, {MONTH.days} days, {in_month:,} requests, seed {seed}")
    false = judge(traffic)
    hours = MONTH.days * 24 * len(COMPANIES)
    print(f"\nA quiet month: {len(false)} findings, all false, in {hours:,} hours of a company")
    for kind, count in Counter(each.kind for each in false).items():
        print(f"  {kind:<18}{count:>4}   {100 * count / hours:.3f} % of the hours")
    for each in false:
        print(describe(each, traffic))
    add_incidents(traffic)
    known = {(each.kind, each.companyid, each.address, str(each.figures)) for each in false}
    print("\nThe same month with incidents:")
    for incident in INCIDENTS:
        print(f"  {incident}")
    print("Found besides the above:")
    for each in judge(traffic):
        if (each.kind, each.companyid, each.address, str(each.figures)) not in known:
            print(describe(each, traffic))


if __name__ == "__main__":
    main()
