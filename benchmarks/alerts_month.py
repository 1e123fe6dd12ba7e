"""Which alerts a quiet month raises: `.venv/bin/python benchmarks/alerts_month.py [--seed N]`.

The month of `quiet_month.py` once more, this time through the alert engine as the sensors call it, every hour: API
figures, quotas, failed authentications, unusual use. Nobody does anything wrong, so every alert is a false one; all
are listed. Quotas are set as an administrator would for such reports: 2,000 requests a day.
"""

import argparse
import logging
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine, insert

sys.path.insert(0, str(Path(__file__).parent))

from quiet_month import BEGIN, COMPANIES, END, FIRST, HOUR_S, MONTH, quiet_months

from alx_core.domain.company_settings import EVERY_COMPANY
from alx_core.domain.quota import usage_day
from alx_core.logs import configure_logs
from alx_core.services.alert_watch import watch_api, watch_callers, watch_unusual
from alx_core.services.metrics import record_hours
from alx_core.settings import Settings
from alx_core.store.alerts import list_alerts
from alx_core.store.companies import upsert_company
from alx_core.store.engine import connect, open_engine, transaction
from alx_core.store.request_log import add_requests
from alx_core.store.schema import migrate
from alx_core.store.settings import save_settings_of
from alx_core.store.tables import api_usage

QUOTA = 2_000


def main() -> None:
    """Simulate, watch, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    traffic = quiet_months(parser.parse_args().seed)
    configure_logs("text", level=logging.ERROR)  # each alert is a line of the log, too
    with TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        with open_engine(settings.database) as engine:
            prepare(engine, settings, traffic.rows)
            watch(engine, settings, traffic.rows)
            with connect(engine) as connection:
                alerts = list_alerts(connection, limit=10_000)
    print(f"{len(COMPANIES)} companies, {MONTH.days} days: {len(alerts)} alerts, all false")
    for name, count in Counter(each["alert"] for each in alerts).most_common():
        print(f"{count:>6}  {name}")
        said = Counter(each["message"][:150] for each in alerts if each["alert"] == name)
        for message, times in said.most_common():
            print(f"        {times:>4} x {message}")


def prepare(engine: Engine, settings: Settings, rows: list[dict[str, Any]]) -> None:
    """Make the companies, their quota, what they used each day, and the weeks before the month."""
    migrate(engine)
    used = Counter((row["companyid"], usage_day(row["timeaccessed"] / 1000, settings.zone)) for row in rows)
    with transaction(engine) as connection:
        for company in COMPANIES:
            upsert_company(connection, company.number, shortname=f"company{company.number}", row_count=company.rows)
        save_settings_of(connection, EVERY_COMPANY, {"rate_limit": str(QUOTA)}, now=0)
        usage = [{"companyid": each, "day": day, "calls": calls} for (each, day), calls in used.items() if each]
        connection.execute(insert(api_usage), usage)
        add_requests(connection, [row for row in rows if row["timeaccessed"] < BEGIN.timestamp() * 1000])
    begin = int(BEGIN.timestamp())
    record_hours(engine, start=int(FIRST.timestamp()), end=begin, now=begin)


def watch(engine: Engine, settings: Settings, rows: list[dict[str, Any]]) -> None:
    """Do in each hour of the month what the schedule and the sensors do."""
    ordered = sorted(rows, key=lambda row: row["timeaccessed"])
    by_hour = {hour: list(each) for hour, each in groupby(ordered, lambda row: row["timeaccessed"] // 1000 // HOUR_S)}
    for hour in range(int(BEGIN.timestamp()), int(END.timestamp()), HOUR_S):
        now = hour + HOUR_S + 360
        with transaction(engine) as connection:
            add_requests(connection, by_hour.get(hour // HOUR_S, []))
        record_hours(engine, start=hour, end=hour + HOUR_S, now=now)
        for look in (watch_api, watch_callers, watch_unusual):
            look(engine, settings, now=now)


if __name__ == "__main__":
    main()
