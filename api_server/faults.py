"""Moodle's own errors: class, code and text as a Moodle client knows them, sent with HTTP 200 as Moodle does.

Source: lib/moodlelib.php, lib/setuplib.php, lang/en/webservice.php and the plugin's language file; the recordings in
the tests hold them to it.
"""


class MoodleFault(Exception):
    """An error as Moodle's REST server sends it."""

    def __init__(self, exception: str, errorcode: str, message: str) -> None:
        """Keep PHP's class name, the error code and the text."""
        super().__init__(errorcode)
        self.exception = exception
        self.errorcode = errorcode
        self.message = message


def invalid_token() -> MoodleFault:
    """No token, one that nobody has, or one that was revoked."""
    return MoodleFault("moodle_exception", "invalidtoken", "Invalid token - token not found")


def access_denied() -> MoodleFault:
    """The token has expired, may not be used from here, or not for this function."""
    return MoodleFault("webservice_access_exception", "accessexception", "Access control exception")


def owner_refused(state: str, username: str) -> MoodleFault:
    """The token's owner is `deleted`, `unconfirmed` or `suspended` in Moodle, or may not log in (`nologin`)."""
    what = "nologin authentication" if state == "nologin" else state
    return MoodleFault(
        "moodle_exception", f"wsaccessuser{state}", f"Refused web service access for {what} username: {username}"
    )


def invalid_parameter() -> MoodleFault:
    """A parameter is missing, unknown or of the wrong type."""
    return MoodleFault("invalid_parameter_exception", "invalidparameter", "Invalid parameter value detected")


def unknown_function() -> MoodleFault:
    """No Moodle has such a function."""
    return MoodleFault(
        "dml_missing_record_exception",
        "invalidrecord",
        "Can't find data record in database table external_functions.",
    )


def quota_used_up() -> MoodleFault:
    """The company's calls of the day are used up."""
    return MoodleFault("moodle_exception", "ratelimitexceeded", "Daily rate limit exceeded")


def get_not_allowed() -> MoodleFault:
    """GET, where the company does not allow it."""
    return MoodleFault("moodle_exception", "invalidrequestmethod", "Only POST method is allowed for security reasons")


def no_company() -> MoodleFault:
    """The token has no company, or the company is gone, suspended or switched off."""
    return MoodleFault("moodle_exception", "nocompanyassociation", "User is not associated with any company")


def limit_too_large(max_records: int) -> MoodleFault:
    """More rows a page than the company's `max_records`."""
    return MoodleFault(
        "moodle_exception",
        "limittoolarge",
        f"Requested limit is too large. Maximum allowed records per request is {max_records}. "
        "Please reduce your limit parameter and try again.",
    )


def service_unavailable() -> MoodleFault:
    """The reporting database is gone. Sent with HTTP 503, which Power Query tries again."""
    return MoodleFault("dml_connection_exception", "dbconnectionfailed", "Database connection failed")
