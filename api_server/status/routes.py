"""The routes below `/status`: the page, its data, its login, its files. The one entry point is `add_status_routes`."""

from collections.abc import Callable, Mapping
from typing import Any

import falcon
import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from alx_core.clock import Clock
from alx_core.errors import StoreError, StoreUnreachable
from alx_core.faults import first_line
from alx_core.logs import get_logger
from alx_core.services.status.performance import view_performance
from alx_core.services.status.security import view_security
from alx_core.services.status.sync import view_syncs
from alx_core.services.status.traffic import TrafficReader
from alx_core.settings import Settings
from alx_core.store.schema import current_revision, require_head
from api_server.database import Database
from api_server.status.address import PATH, Address, Tab
from api_server.status.assets import ASK_AGAIN, FOR_EVER, Asset, load_assets
from api_server.status.cards import Tone, Verdict
from api_server.status.credentials import require_password
from api_server.status.dagit import Dagit
from api_server.status.gate import Answer, Gate
from api_server.status.login import LoginResource, LogoutResource, SessionResource
from api_server.status.pages import Pages, View, settled
from api_server.status.responses import login_address, refuse, send_html, send_json

log = get_logger()

RETRY_AFTER_S = 15
HOW_TO_ASK = "The password is asked for at /status/login. Programs send it as Basic credentials, with any user name."


def add_status_routes(app: falcon.App[Any, Any], *, database: Database, settings: Settings, clock: Clock) -> None:
    """Put the status page into the app."""
    assets = load_assets()
    gate = Gate(settings, clock)
    pages = Pages(assets, Dagit(settings.dagster_link), has_password=gate.sessions is not None)
    viewer = Viewer(database, settings, clock)
    app.add_route(PATH, PageResource(viewer, gate, pages))
    app.add_route(f"{PATH}/login", LoginResource(database, gate, pages, clock))
    app.add_route(f"{PATH}/logout", LogoutResource(gate))
    app.add_route(f"{PATH}/session", SessionResource(gate))
    app.add_route(f"{PATH}/data/{{name}}", DataResource(viewer, gate, pages))
    app.add_route(f"{PATH}/static/{{name}}", AssetResource(assets))


class Unavailable(Exception):
    """There is nothing to show; the text says why."""

    def __init__(self, headline: str, advice: str) -> None:
        """Keep what people read."""
        super().__init__(headline)
        self.headline = headline
        self.advice = advice


class Viewer:
    """Asks the reporting database for a tab."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        """Keep the collaborators."""
        self.database = database
        self._settings = settings
        self._traffic = TrafficReader()
        self.clock = clock

    def view(self, address: Address) -> tuple[View, int]:
        """Return the tab and the instant it is true at. Raises Unavailable."""
        now = int(self.clock())
        try:
            with self.database.connection() as connection:
                return self._view(connection, address, now), now
        except (StoreError, DBAPIError) as error:
            raise self._explain(error) from error

    def _view(self, connection: Connection, address: Address, now: int) -> View:
        looks: dict[Tab, Callable[[], View]] = {
            Tab.SYNC: lambda: view_syncs(connection, self._settings, address.wanted, page=address.page, now=now),
            Tab.PERFORMANCE: lambda: view_performance(connection, self._settings, self._traffic, now=now),
            Tab.SECURITY: lambda: view_security(connection, self._settings, now=now),
        }
        return looks[address.tab]()

    def _explain(self, error: StoreError | DBAPIError) -> Unavailable:
        """Say what is wrong. The cause goes into the log: it may name hosts and users."""
        log.warning("status_page_unavailable", error=first_line(error))
        if not isinstance(error, StoreUnreachable):
            try:
                with self.database.connection() as connection:
                    require_head(current_revision(connection))
            except StoreUnreachable:
                pass  # it went away meanwhile
            except StoreError:
                return Unavailable("The reporting database is not set up yet", "Run `alx migrate`, or `alx sync`.")
            else:
                return Unavailable("The reporting database could not answer", "Its log and the API's say why.")
        return Unavailable(
            "The reporting database does not answer",
            "Nothing can be said about syncs and calls until it is back. Check that its server runs and "
            "ALX_DATABASE_URL is right: `alx doctor` says more.",
        )


class PageResource:
    """`/status`."""

    def __init__(self, viewer: Viewer, gate: Gate, pages: Pages) -> None:
        """Keep the collaborators."""
        self._viewer = viewer
        self._gate = gate
        self._pages = pages

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show a tab: 200; 303 to the login; 403 to strangers without a password; 503 when the database is away."""
        address = Address.read(req)
        answer = self._gate.judge(req)
        if answer is Answer.REFUSED:
            return refuse(resp, self._pages, int(self._viewer.clock()))
        if answer is Answer.LOGIN:
            send_html(resp, "", status=falcon.HTTP_303)
            resp.location = login_address(address.url)
            return None
        try:
            view, now = self._viewer.view(address)
        except Unavailable as error:
            verdict = Verdict(Tone.BAD, error.headline, error.advice)
            page = self._pages.notice(verdict, now=int(self._viewer.clock()), is_retried=True)
            send_html(resp, page, status=falcon.HTTP_503)
            resp.retry_after = RETRY_AFTER_S
            return None
        return send_html(resp, self._pages.tab(settled(address, view), view, now=now))


class DataResource:
    """`/status/data/{sync,performance,security}`."""

    def __init__(self, viewer: Viewer, gate: Gate, pages: Pages) -> None:
        """Keep the collaborators."""
        self._viewer = viewer
        self._gate = gate
        self._pages = pages

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Send a tab's data: 200; 401 without session or password; 403 to strangers; 404; 429; 503 without database."""
        if name not in list(Tab):
            raise falcon.HTTPNotFound
        answer = self._gate.judge(req)
        if answer is Answer.REFUSED:
            return refuse(resp, self._pages, int(self._viewer.clock()))
        if answer is Answer.LOGIN and self._gate.sessions is not None:
            if req.auth is None:
                return send_json(resp, _problem(HOW_TO_ASK), status=falcon.HTTP_401)
            with self._viewer.database.connection() as connection:
                require_password(req, connection, self._gate, self._gate.sessions, int(self._viewer.clock()))
        try:
            view, _ = self._viewer.view(Address.read(req, Tab(name)))
        except Unavailable as error:
            send_json(resp, _problem(f"{error.headline}. {error.advice}"), status=falcon.HTTP_503)
            resp.retry_after = RETRY_AFTER_S
            return None
        return send_json(resp, msgspec.json.encode(view))


class AssetResource:
    """`/status/static/...`."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        """Keep the files."""
        self._assets = assets

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Send a file: 200, or 404. They say nothing about the installation, so everybody may have them."""
        asset = self._assets.get(name)
        if asset is None:
            raise falcon.HTTPNotFound
        resp.data = asset.body
        resp.content_type = asset.content_type
        resp.cache_control = [FOR_EVER if req.get_param("v") == asset.version else ASK_AGAIN]
        resp.set_header("X-Content-Type-Options", "nosniff")


def _problem(detail: str) -> bytes:
    return msgspec.json.encode({"detail": detail})
