"""Tokens taken out of what gunicorn logs: a request line that it can't parse is quoted, token and all."""

import logging
import re
import sys
from typing import Any

from gunicorn.glogging import Logger

SECRET = re.compile(
    r"(?i)(?P<name>(?:wstoken|token|api_?key|password|authorization|x-api-key|cookie)['\"]?\s*[=:]\s*)"
    r"(?:(?:bearer|basic)\s+)?[^\s&'\"<>]+"
    r"|\b(?:alx_[A-Za-z0-9]{8,}|[0-9a-f]{32})\b"
)


def redact(text: str) -> str:
    """Replace everything that looks like a secret by `***`."""
    return SECRET.sub(lambda found: f"{found['name'] or ''}***", text)


class Redacting(logging.Formatter):
    """Formats as usual, then redacts: messages, arguments and traces alike."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without secrets."""
        return redact(super().format(record))


class RedactingLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's logger with its handlers' formatters replaced."""

    def setup(self, cfg: Any) -> None:
        """Set up as gunicorn does, then put the redacting formatter in place."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(Redacting(self.error_fmt, self.datefmt))

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log a failure with its trace; a client that fell silent is none of ours, and there may be many."""
        if isinstance(sys.exc_info()[1], TimeoutError | BlockingIOError):
            self.debug(msg, *args, **kwargs)
        else:
            super().exception(msg, *args, **kwargs)
