"""A process that stores an alert and delivers it, to be killed. Run as `... STORE_URL SLACK_URL NOW PAUSE`.

Prints `stored` when the alert is committed, then sends. With PAUSE `stored` it stops there and waits for its end; with
`no-alert` it stores nothing and only delivers.
"""

import sys
import time

from sqlalchemy.engine import make_url

from alx_core.domain.alerts import AlertName, Judgement, Observation, Severity
from alx_core.domain.messages import Channel
from alx_core.logs import configure_logs
from alx_core.services.alerting import Policy, take_in
from alx_core.services.delivery.outbox import deliver_due
from alx_core.services.delivery.slack import SlackWebhook
from alx_core.store.engine import open_engine, transaction

SEEN = Observation(
    AlertName.SYNC_FAILED, Severity.CRITICAL, title="The sync failed", message="why", recommendation="do"
)


def main(store: str, slack: str, now: str, pause: str) -> None:
    """Store, then deliver."""
    configure_logs("json")  # on stderr
    with open_engine(make_url(store)) as engine:
        if pause != "no-alert":
            with transaction(engine) as connection:
                judgement = Judgement(frozenset({AlertName.SYNC_FAILED}), [SEEN])
                take_in(connection, judgement, Policy({Channel.SLACK}, cooldown_s=3600), now=int(now))
        sys.stdout.write("stored\n")
        sys.stdout.flush()
        if pause == "stored":
            time.sleep(60)
        deliver_due(engine, {Channel.SLACK: SlackWebhook(slack, timeout_s=30)}, clock=lambda: int(now))
        sys.stdout.write("done\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
