"""Errors as HTTP: the one place where an AlxError or a database's trouble becomes a status.

Under Moodle's path an error is Moodle's object, elsewhere an RFC 9457 problem. Neither shows a statement or a trace.
"""

import falcon
import msgspec
from sqlalchemy.exc import DBAPIError

from alx_core.errors import StoreError
from alx_core.faults import explain, first_line
from alx_core.logs import get_logger
from api_server import faults
from api_server.entry import LogEntry
from api_server.faults import MoodleFault
from api_server.rendering import JSON_TYPE, XML_TYPE, render_fault

log = get_logger()

MOODLE_PATH = "/webservice/rest/server.php"
RETRY_AFTER_S = "10"
"""Power Query waits as long as it is told to, between 0.5 and 120 seconds, and tries three times."""
PROBLEM_TYPE = "application/problem+json"
ADVICE = {
    404: f"There is nothing at this address. Reports ask {MOODLE_PATH}.",
    405: "This address takes other methods only; the header Allow names them.",
}
"""What to do about errors to which Falcon gives no text."""


def add_error_handlers(app: falcon.App[falcon.Request, falcon.Response]) -> None:
    """Register the handlers; the most special one wins."""
    app.add_error_handler(Exception, _unexpected)
    app.add_error_handler(falcon.HTTPError, _http_error)
    app.add_error_handler(StoreError, _no_database)
    app.add_error_handler(DBAPIError, _database_error)


def _no_database(req: falcon.Request, resp: falcon.Response, error: Exception, _params: dict[str, str]) -> None:
    log.warning("database_unavailable", request_id=_entry(req).request_id, error=first_line(error))
    resp.set_header("Retry-After", RETRY_AFTER_S)
    _answer(req, resp, falcon.HTTP_503, faults.service_unavailable())


def _database_error(req: falcon.Request, resp: falcon.Response, error: DBAPIError, params: dict[str, str]) -> None:
    """A server that is away, full or read-only is a matter of time; a statement that is wrong is not."""
    handle = _unexpected if explain(error) is None else _no_database
    handle(req, resp, error, params)


def _http_error(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, _params: dict[str, str]) -> None:
    if error.headers is not None:
        resp.set_headers(error.headers)
    if error.status_code == 405 and is_moodles(req):
        resp.set_header("Allow", "GET, POST")  # Falcon counts OPTIONS in
    code, text = code_of(error.status_code), error.description or ADVICE.get(error.status_code, error.title)
    _answer(req, resp, falcon.code_to_http_status(error.status), MoodleFault("moodle_exception", code, text))


def _unexpected(req: falcon.Request, resp: falcon.Response, error: Exception, _params: dict[str, str]) -> None:
    log.error("request_failed", request_id=_entry(req).request_id, error=type(error).__name__, exc_info=error)
    text = f"Something went wrong here. The log has it under request {_entry(req).request_id}."
    _answer(req, resp, falcon.HTTP_500, MoodleFault("moodle_exception", "servererror", text))


def _answer(req: falcon.Request, resp: falcon.Response, status: str, fault: MoodleFault) -> None:
    resp.status = status
    _entry(req).outcome = fault.errorcode
    if is_moodles(req):
        is_json = getattr(req.context, "is_json", req.get_param("moodlewsrestformat", default="json") == "json")
        resp.content_type = JSON_TYPE if is_json else XML_TYPE
        resp.data = render_fault(fault, is_json=is_json)
        return
    resp.content_type = PROBLEM_TYPE
    resp.data = msgspec.json.encode(
        {
            "type": "about:blank",
            "title": status.partition(" ")[2],
            "status": int(status.partition(" ")[0]),
            "detail": fault.message,
            "code": fault.errorcode,
            "request_id": _entry(req).request_id,
        }
    )


def is_moodles(req: falcon.Request) -> bool:
    """Whether a request is for Moodle's endpoint, whatever becomes of it."""
    return req.path == MOODLE_PATH


def code_of(status: int) -> str:
    """Return the error code for a status that has none of Moodle's."""
    known = {
        400: "invalidrequest",
        404: "notfound",
        405: "invalidrequestmethod",
        413: "requesttoolarge",
        429: "toomanyrequests",
    }
    return known.get(status, f"http{status}")


def _entry(req: falcon.Request) -> LogEntry:
    entry: LogEntry = req.context.entry
    return entry
