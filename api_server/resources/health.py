"""`/healthz` and `/readyz`: for load balancers and watchdogs. Neither needs a token, neither names a company."""

from collections.abc import Callable

import falcon
import msgspec

from alx_core.domain.freshness import Freshness
from alx_core.errors import StoreError
from alx_core.services.health import sync_health
from alx_core.store.schema import HEAD, current_revision
from api_server.database import Database
from api_server.rendering import JSON_TYPE


class Healthz:
    """The process answers."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """200, always."""
        _say(resp, {"status": "ok"})


class Readyz:
    """The database answers, its schema is this version's, and the table is fresh."""

    def __init__(self, database: Database, *, stale_after_s: float, clock: Callable[[], float]) -> None:
        """Judge freshness as the page and the sensors do."""
        self._database = database
        self._stale_after_s = stale_after_s
        self._clock = clock

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """200 ready, or degraded where the table is stale (it can still be served); 503 not ready."""
        try:
            with self._database.connection() as connection:
                revision = current_revision(connection)
                if revision != HEAD:
                    resp.status = falcon.HTTP_503
                    _say(resp, {"status": "not ready", "reason": "the schema is not this version's: run alx migrate"})
                    return
                health = sync_health(connection, now=int(self._clock()), stale_after_s=self._stale_after_s)
        except StoreError:
            resp.status = falcon.HTTP_503
            _say(resp, {"status": "not ready", "reason": "the reporting database does not answer"})
            return
        status = "ready" if health.freshness is Freshness.FRESH else "degraded"
        _say(resp, {"status": status, "freshness": health.freshness.value, "age_s": health.age_s})


def _say(resp: falcon.Response, value: dict[str, object]) -> None:
    resp.content_type = JSON_TYPE
    resp.data = msgspec.json.encode(value)
