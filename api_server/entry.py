"""What the request log says of one request; filled in on its way through the app.

Never a token, a body or a name: a refused key leaves its first characters, nothing else.
"""

import msgspec

from alx_core.printable import printable
from alx_core.store.tokens import PREFIX_LENGTH

USER_AGENT_LENGTH = 255
COURSE_PROGRESS, OTHER = "course_progress", "other"
"""Endpoints."""


class LogEntry(msgspec.Struct):
    """One row of `local_alx_api_logs`; the names are the columns'. `timeaccessed` is epoch milliseconds."""

    request_id: str
    timeaccessed: int
    method: str
    ip_address: str
    user_agent: str
    endpoint: str = OTHER
    outcome: str = "ok"
    token_id: int | None = None
    key_prefix: str = ""
    companyid: int | None = None
    http_status: int = 200
    rows: int = 0
    bytes: int = 0
    response_time_ms: float = 0.0
    cache_hit: int = 0
    replay: int = 0
    charged: int = 0
    page_limit: int | None = None
    page_offset: int | None = None
    mode: str | None = None


def key_prefix(key: str) -> str:
    """Return what may be kept of a key that was refused: at most a quarter of it, printable."""
    return printable(key[: min(PREFIX_LENGTH, len(key) // 4)])
