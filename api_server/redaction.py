"""Tokens taken out of what gunicorn logs: a request line that it can't parse is quoted, token and all."""

import logging
import re
import sys
from typing import Any

from gunicorn.glogging import Logger

SECRET = re.compile(
    r"(?i)(?P<name>(?:wstoken|token|api_?key|password|authorization|x-api-key|cookie)['\"]?\s*[=:]\s*)"
    r"(?:(?:bearer|basic)\s+)?[^\s&'\"<>]+"
    r"|alx_[a-z0-9]{8,}|[0-9a-f]{32,}"
)
HEADLESS = re.compile(r"[A-Za-z0-9]{40,}")
"""One of our tokens, of whose beginning the text before it has made something else."""

ENCODED = re.compile(r"%([2-6][0-9A-Fa-f]|7[0-9A-Ea-e])")
"""A percent-encoded character of printable ASCII; no other belongs to a token, nor into a log."""


def redact(text: str) -> str:
    """Replace everything that looks like a secret by `***`; where one is percent-encoded, decode the text first."""
    shown = plain = _blot_out(text)
    while (decoded := ENCODED.sub(lambda found: chr(int(found[1], 16)), plain)) != plain:
        plain = _blot_out(decoded)
        if plain != decoded:
            shown = plain
    return HEADLESS.sub("***", shown)


def _blot_out(text: str) -> str:
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
