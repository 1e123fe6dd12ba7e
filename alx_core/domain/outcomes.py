"""What a request's outcome in the request log means."""

OK = "ok"
QUOTA_USED_UP = "ratelimitexceeded"

FAILED_AUTH = frozenset(
    {
        "invalidtoken",
        "accessexception",
        "wsaccessuserdeleted",
        "wsaccessuserunconfirmed",
        "wsaccessusersuspended",
        "wsaccessusernologin",
    }
)
"""Outcomes of a failed authentication, where the log names no token. With one, `accessexception` is a right key that
asked for a wrong function."""
