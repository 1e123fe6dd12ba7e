"""Logs: one line per event on stderr, static event names, values as keywords.

A log never holds a token, a password, a request's body, a name or an e-mail address: pass ids. What slips through
under one of the names below is blotted out here.
"""

import logging
import sys
from typing import TYPE_CHECKING, Literal

from alx_core import imports

with imports.without("rich"):  # 0.1 s and 4 MB, to print in colour; so structlog is loaded here alone
    import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

SECRET_NAMES = frozenset(
    {"authorization", "cookie", "email", "firstname", "lastname", "password", "token", "username", "wstoken"}
)


def get_logger() -> "FilteringBoundLogger":
    """Return the logger of a module."""
    return structlog.get_logger()  # type: ignore[no-any-return]


def configure_logs(style: Literal["json", "text"], level: int = logging.INFO) -> None:
    """Set up logging for a process; composition roots call it once."""
    renderer: Processor = (
        structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            blot_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def blot_secrets(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    """Replace the values of names that must not be logged."""
    for name in event.keys() & SECRET_NAMES:
        event[name] = "***"
    return event
