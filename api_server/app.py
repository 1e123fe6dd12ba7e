"""The app: every collaborator made once and handed in. Nothing connects before the first request."""

import time
from collections.abc import Callable

import falcon

from alx_core.services.page_cache import PageCache
from alx_core.services.reading import PageReader
from alx_core.settings import Settings
from api_server.admission import Admission
from api_server.database import Database
from api_server.errors import MOODLE_PATH, add_error_handlers
from api_server.foresight import Foresight
from api_server.journal import Journal
from api_server.middleware import RequestLog
from api_server.replays import Replays
from api_server.resources.health import Healthz, Readyz
from api_server.resources.moodle import Collaborators, MoodleResource, PagesOf, database_pages
from api_server.resources.prometheus import PrometheusResource
from api_server.status.routes import add_status_routes
from api_server.throttle import Burst, Guessing

MEGABYTE = 1 << 20
REDIS_TIMEOUT_S = 2.0

App = falcon.App[falcon.Request, falcon.Response]


def create_app(
    settings: Settings,
    *,
    database: Database,
    request_log: RequestLog,
    journal: Journal,
    clock: Callable[[], float] = time.time,
) -> App:
    """Make the app over an open request log and a database that need not answer yet."""
    app: App = falcon.App(middleware=[request_log])
    add_error_handlers(app)
    cache = PageCache(max_bytes=settings.api_memory_cache_mb * MEGABYTE, clock=clock)
    moodle = MoodleResource(
        Collaborators(
            database=database,
            admission=Admission(settings.zone, clock),
            foresight=Foresight(settings.zone, clock),
            reader=PageReader(cache, clock),
            pages_of=_pages_of(settings, clock),
            zone=settings.zone,
            burst=Burst(settings.api_burst_per_minute),
            guessing=Guessing(most_waiting=max(1, settings.api_threads // 4)),
            replays=Replays(),
            clock=clock,
        )
    )
    app.add_route(MOODLE_PATH, moodle)
    app.add_route("/healthz", Healthz())
    app.add_route("/", Healthz())  # Power BI's service tests a data source by its first address alone; 404 fails it
    stale_after_s = settings.sync_stale_hours * 3600
    app.add_route("/readyz", Readyz(database, request_log, journal, stale_after_s=stale_after_s, clock=clock))
    app.add_route("/metrics", PrometheusResource(database, settings, clock))
    add_status_routes(app, database=database, settings=settings, clock=clock)
    return app


def _pages_of(settings: Settings, clock: Callable[[], float]) -> PagesOf:
    if settings.redis_url is None:
        return database_pages(settings.cache_mb * MEGABYTE, clock)
    # 6 MB that a worker without Redis does not need.
    from redis import Redis  # noqa: PLC0415

    from alx_core.store.page_cache_redis import RedisPages  # noqa: PLC0415

    url = settings.redis_url.get_secret_value()
    pages = RedisPages(Redis.from_url(url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S))
    return lambda _connection, _companyid: pages
