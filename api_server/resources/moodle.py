"""`/webservice/rest/server.php`: Moodle's REST protocol, so that reports written for the plugin keep working."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

import falcon
from sqlalchemy import Connection

from alx_core.domain.company_settings import CompanySettings, QuotaMode
from alx_core.domain.paging import Session
from alx_core.domain.plugin import FUNCTION
from alx_core.services.page_cache import SharedPages
from alx_core.services.reading import PageReader, PageRequest, Render, Served
from alx_core.store.access import Access, Ahead, Found
from alx_core.store.engine import atomic
from alx_core.store.page_cache import DatabasePages
from alx_core.store.sessions import find_charge, note_charge
from alx_core.store.tokens import hash_token
from api_server import faults
from api_server.admission import Admission, require_company, require_service, with_limit
from api_server.call import Call, check_function, read_arguments, read_call
from api_server.database import Database
from api_server.entry import LogEntry, key_prefix
from api_server.foresight import Foresight
from api_server.parameters import read_parameters
from api_server.rendering import JSON_TYPE, XML_TYPE, render_fault, render_json, render_xml
from api_server.replays import Replays
from api_server.throttle import Burst, Guessing

FREE_REPEAT_S = 120
"""quota_mode=reads: a read that begins again within this time is the same one."""
NEVER, EVER = 0.0, 1.0
"""When a read was charged that never was, and a time (epoch seconds) before the charge of each that was."""
MAX_OFFSET = 10**12
"""Beyond any table; a larger one means the same empty page."""
MAX_PAGE = 2**31 - 1
MOODLE_HEADERS = {
    "Cache-Control": "private, must-revalidate, pre-check=0, post-check=0, max-age=0",
    "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
    "Pragma": "no-cache",
    "Accept-Ranges": "none",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""Source: `webservice_rest_server::send_headers()`, and what a page of another origin needs to read the answer too:
nothing but the token opens anything here, and no browser sends that by itself."""

PagesOf = Callable[[Connection, int], SharedPages]


@dataclass(frozen=True, slots=True)
class Collaborators:
    """What the resource works with; `pages_of` returns the shared cache for a connection and company."""

    database: Database
    admission: Admission
    foresight: Foresight
    reader: PageReader
    pages_of: PagesOf
    zone: ZoneInfo
    burst: Burst
    guessing: Guessing
    replays: Replays
    clock: Callable[[], float] = time.time


class MoodleResource:
    """Answers the one function that the plugin has."""

    def __init__(self, collaborators: Collaborators) -> None:
        """Take everything from outside."""
        self._with = collaborators

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """200 rows or Moodle's error object; 429 too fast; 503 no database. Only where `allow_get` is on."""
        self._answer(req, resp)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """200 rows or Moodle's error object; 400, 413 a body that can't be read; 429 too fast; 503 no database."""
        self._answer(req, resp)

    def on_options(self, _req: falcon.Request, _resp: falcon.Response) -> None:
        """405: Falcon's own would answer 200, and nobody asks this path from a page of another origin."""
        raise falcon.HTTPMethodNotAllowed(("GET", "POST"))

    def _answer(self, req: falcon.Request, resp: falcon.Response) -> None:
        entry: LogEntry = req.context.entry
        call = read_call(read_parameters(req), req.get_header)
        req.context.is_json = call.is_json
        resp.set_headers(MOODLE_HEADERS)
        set_form(resp, is_json=call.is_json)
        try:
            with self._with.database.connection() as connection:
                served = self._serve(connection, req, call, entry)
        except faults.MoodleFault as fault:
            self._refuse(resp, call, entry, fault)
            return
        _send(req, resp, served)
        entry.rows, entry.cache_hit, entry.mode = served.page.rows, int(served.is_cache_hit), served.session.mode.value

    def _serve(self, connection: Connection, req: falcon.Request, call: Call, entry: LogEntry) -> Served:
        limit, offset, wrong = _arguments(call)
        token_hash = hash_token(call.token) if call.token else None
        ahead = self._ahead(call, token_hash, limit, offset, entry.ip_address) if wrong is None else None
        found = self._with.admission.identify(connection, token_hash, max(0, limit), entry.ip_address, ahead)
        access = found.access
        entry.token_id, entry.companyid = access.token_id, access.companyid
        if wrong is None:
            entry.page_limit, entry.page_offset = limit, offset
        retry_after_s = self._with.burst.retry_after_s(access.token_id)
        if retry_after_s:
            raise falcon.HTTPTooManyRequests(
                retry_after=retry_after_s,
                description=f"Too many requests in a minute. Try again in {retry_after_s} seconds.",
            )
        check_function(call)
        require_service(access)
        if wrong is not None:
            raise wrong
        settings = self._with.admission.settings_of(connection, access)
        if settings.quota_mode is QuotaMode.REQUESTS:
            self._charge(connection, found, settings, entry)
        if req.method == "GET" and not settings.allow_get:
            raise faults.get_not_allowed()
        require_company(access, settings)
        if limit > settings.max_records:
            raise faults.limit_too_large(settings.max_records)
        if limit <= 0:
            limit = settings.max_records
            access = with_limit(connection, access, limit)
        request = PageRequest(limit=limit, offset=offset, form=_form(call, self._with.zone))
        session = self._session(connection, access, settings, request, entry)
        shared = self._with.pages_of(connection, access.companyid or 0)
        render = _render(call, settings, self._with.zone)
        has_begun = found.has_begun and session is access.session
        served = self._with.reader.serve(
            connection, shared, access, settings, session, request, render, has_begun=has_begun
        )
        if found.access is access and token_hash is not None:
            begins = served.session if offset == 0 and served.page.invites_more(limit) else None
            self._with.foresight.remember(token_hash, limit, access, settings, begins)
        return served

    def _ahead(self, call: Call, token_hash: str | None, limit: int, offset: int, address: str) -> Ahead | None:
        """What may be done before the answer of the look is known: nothing where the call itself may be refused."""
        if token_hash is None or self._with.burst.is_on or call.function != FUNCTION:
            return None
        return self._with.foresight.ahead(token_hash, limit, offset, address)

    def _session(
        self, connection: Connection, access: Access, settings: CompanySettings, request: PageRequest, entry: LogEntry
    ) -> Session:
        session = self._with.reader.join_or_begin(connection, access, settings, request)
        entry.replay = int(self._with.replays.seen((access.token_id, request, *session.shown)))
        if settings.quota_mode is QuotaMode.READS:
            self._charge_read(connection, access, settings, session, request, entry)
        return session

    def _charge_read(
        self,
        connection: Connection,
        access: Access,
        settings: CompanySettings,
        session: Session,
        request: PageRequest,
        entry: LogEntry,
    ) -> None:
        """Charge a read once: its later pages, and the same first page within two minutes, are free."""
        is_new, now, read = session is not access.session, self._with.clock(), (access.token_id, request.limit)
        paid_since = now - FREE_REPEAT_S if is_new or request.offset == 0 else EVER
        if find_charge(connection, *read) >= paid_since:
            return
        with atomic(connection):
            if find_charge(connection, *read, is_to_change=True) >= paid_since:
                return
            is_charged = self._with.admission.charge(connection, access, settings)
            if is_charged or is_new:  # what was paid before was the read that a new one took the place of
                note_charge(connection, *read, at=now if is_charged else NEVER)
        _settle(access, entry, is_charged=is_charged)

    def _charge(self, connection: Connection, found: Found, settings: CompanySettings, entry: LogEntry) -> None:
        is_charged = found.is_charged or self._with.admission.charge(connection, found.access, settings)
        _settle(found.access, entry, is_charged=is_charged)

    def _refuse(self, resp: falcon.Response, call: Call, entry: LogEntry, fault: faults.MoodleFault) -> None:
        resp.data = render_fault(fault, is_json=call.is_json)
        entry.outcome = fault.errorcode
        if entry.token_id is None:
            entry.key_prefix = key_prefix(call.token)
            self._with.guessing.failed(entry.ip_address)


def _settle(access: Access, entry: LogEntry, *, is_charged: bool) -> None:
    """Note in the log that a call was counted. Raises the fault where the quota is used up."""
    if not is_charged:
        raise faults.quota_used_up()
    entry.charged = int(access.companyid is not None)


def set_form(resp: falcon.Response, *, is_json: bool) -> None:
    """Set the content type of an answer; XML comes with the file name that Moodle gives it."""
    resp.content_type = JSON_TYPE if is_json else XML_TYPE
    if not is_json:
        resp.set_header("Content-Disposition", 'inline; filename="response.xml"')


def database_pages(max_bytes: int, clock: Callable[[], float]) -> PagesOf:
    """Return the way to the shared cache in the reporting database."""
    return lambda connection, companyid: DatabasePages(connection, companyid, max_bytes=max_bytes, clock=clock)


def _arguments(call: Call) -> tuple[int, int, faults.MoodleFault | None]:
    """`limit` and `offset` within what a database can count, and the fault to raise once the token is known."""
    try:
        limit, offset = read_arguments(call)
    except faults.MoodleFault as fault:
        return 0, 0, fault
    return max(-MAX_PAGE, min(limit, MAX_PAGE)), min(max(0, offset), MAX_OFFSET), None


def _form(call: Call, zone: ZoneInfo) -> str:
    """What else decides the bytes of a page, beside its rows and the company's settings."""
    return f"{'json' if call.is_json else 'xml'} {zone.key}"


def _render(call: Call, settings: CompanySettings, zone: ZoneInfo) -> Render:
    render = render_json if call.is_json else render_xml
    return lambda rows: render(rows, settings.hidden_fields, zone)


def _send(req: falcon.Request, resp: falcon.Response, served: Served) -> None:
    resp.set_header("Vary", "Accept-Encoding")
    if accepts_gzip(req.get_header("Accept-Encoding") or ""):
        resp.set_header("Content-Encoding", "gzip")
        resp.data = served.page.gzipped
    else:
        resp.data = served.page.plain


@lru_cache(maxsize=256)
def accepts_gzip(header: str) -> bool:
    """Whether an `Accept-Encoding` header admits gzip (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for entry in header.lower().split(","):
        name, _, rest = entry.partition(";")
        weight = rest.strip().removeprefix("q=")
        try:
            weights[name.strip()] = float(weight) if weight else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0
