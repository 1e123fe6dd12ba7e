"""`/healthz` and `/readyz`: for load balancers and watchdogs. Neither needs a token, neither names a company."""

from collections.abc import Callable

import falcon
import msgspec

from alx_core.domain.freshness import Freshness
from alx_core.errors import StoreError
from alx_core.services.health import sync_health
from alx_core.store.schema import HEAD, current_revision
from api_server.database import Database
from api_server.journal import Journal
from api_server.middleware import RequestLog
from api_server.rendering import JSON_TYPE


class Healthz:
    """The process answers."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """200, always."""
        _say(resp, {"status": "ok"})


FAILING_S = 60
"""Seconds for which a call that could not be answered counts, where none came after it."""


class Readyz:
    """The database answers and takes writes, its schema is this version's, and the table is fresh."""

    def __init__(
        self,
        database: Database,
        request_log: RequestLog,
        journal: Journal,
        *,
        stale_after_s: float,
        clock: Callable[[], float],
    ) -> None:
        """Judge freshness as the page and the sensors do."""
        self._database = database
        self._journal = journal
        self._request_log = request_log
        self._stale_after_s = stale_after_s
        self._clock = clock

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """200 ready, or degraded where the table is stale or requests wait to be logged; 503 not ready.

        Of several processes the one that is asked speaks for itself.
        """
        try:
            with self._database.connection() as connection:
                if current_revision(connection) != HEAD:
                    _not_ready(resp, "the schema is not this version's: run alx migrate")
                    return
                health = sync_health(connection, now=int(self._clock()), stale_after_s=self._stale_after_s)
        except StoreError:
            _not_ready(resp, "the reporting database does not answer")
            return
        # It may answer this question and no other: a full disk shows where something has to be written.
        unanswered_at = self._request_log.unanswered_at
        if unanswered_at is not None and self._clock() - unanswered_at < FAILING_S:
            _not_ready(resp, "calls can't be answered: the API's log says why")
            return
        is_behind = self._journal.is_behind
        _say(
            resp,
            {
                "status": "ready" if health.freshness is Freshness.FRESH and not is_behind else "degraded",
                "freshness": health.freshness.value,
                "age_s": health.age_s,
                "request_log": "behind" if is_behind else "written",
            },
        )


def _not_ready(resp: falcon.Response, reason: str) -> None:
    resp.status = falcon.HTTP_503
    _say(resp, {"status": "not ready", "reason": reason})


def _say(resp: falcon.Response, value: dict[str, object]) -> None:
    resp.content_type = JSON_TYPE
    resp.data = msgspec.json.encode(value)
