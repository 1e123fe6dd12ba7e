"""Slack's incoming webhook. Its URL is a secret: whoever has it can write to the channel; no error or log holds it.

Source of the limits and answers: Slack's documentation of incoming webhooks and Block Kit.
"""

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email.message import Message as Headers
from http.client import HTTPException
from typing import Any

from alx_core.domain.alerts import MessageKind, Severity
from alx_core.domain.messages import Message
from alx_core.errors import DeliveryFailed, DeliveryRefused

TIMEOUT_S = 5
HEADER_LENGTH = 150
SECTION_LENGTH = 3000
ANSWER_LENGTH = 200

TRY_AGAIN = frozenset({408, 425, 429})
"""Codes below 500 that say "not now"."""

EMOJI = {
    Severity.INFO: ":information_source:",
    Severity.WARNING: ":warning:",
    Severity.CRITICAL: ":rotating_light:",
}
OVER = ":white_check_mark:"


class SlackWebhook:
    """Posts messages to one channel."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Keep the webhook's URL; nothing is sent before `send`."""
        self._url = url
        self._timeout_s = timeout_s
        self._opener = _opener()

    def send(self, message: Message, _delivery_id: int) -> str | None:
        """Post one message. Raises DeliveryFailed or DeliveryRefused."""
        body = json.dumps(payload(message)).encode()
        request = urllib.request.Request(  # noqa: S310  # the scheme is checked with the settings
            self._url, body, {"Content-Type": "application/json; charset=utf-8"}
        )
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                response.read(ANSWER_LENGTH)
        except urllib.error.HTTPError as error:
            with error:
                raise _of_status(error) from None
        except urllib.error.URLError as error:
            raise DeliveryFailed(f"Slack can't be reached: {_reason(error.reason)}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise DeliveryFailed(f"Slack did not answer: {_reason(error)}") from None
        return None


def _opener() -> urllib.request.OpenerDirector:
    """Return what opens the URL, by way of the environment's proxy.

    It follows no redirects: one would turn the POST into a GET, and may hand the secret path to another host.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def payload(message: Message) -> dict[str, Any]:
    """Return the JSON of a message: blocks, and a text for notifications."""
    emoji = OVER if message.kind is MessageKind.RECOVERED else EMOJI[message.severity]
    began = datetime.fromtimestamp(message.opened_at, UTC)
    footer = (
        f"{message.alert.value}, {message.severity.value}, alert {message.alert_id}, since {began:%Y-%m-%d %H:%M} UTC"
    )
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(message.headline, HEADER_LENGTH)}},
        _section(f"{emoji} {escape(message.account)}"),
    ]
    if message.kind is not MessageKind.RECOVERED:
        blocks.append(_section(f"*What to do:* {escape(message.recommendation)}"))
    if message.link:
        blocks.append(_section(f"<{escape(message.link)}|Look at it>"))
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": escape(footer)}]})
    return {"text": f"{emoji} {escape(message.headline)}", "blocks": blocks}


def escape(text: str) -> str:
    """Escape what means something to Slack, so that no text can mention @channel or forge a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, SECTION_LENGTH)}}


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _of_status(error: urllib.error.HTTPError) -> DeliveryFailed | DeliveryRefused:
    if error.code >= 500 or error.code in TRY_AGAIN:
        return DeliveryFailed(f"Slack answered HTTP {error.code}", retry_after_s=_retry_after(error.headers))
    try:
        said = error.read(ANSWER_LENGTH).decode("utf-8", "replace").strip()
    except (OSError, HTTPException):
        said = ""
    return DeliveryRefused(f"Slack refused it: HTTP {error.code} {said}".strip())


def _retry_after(headers: Headers) -> float | None:
    """Seconds; Slack sends no dates."""
    text = (headers.get("Retry-After") or "").strip()
    return float(text) if text.isdecimal() else None


def _reason(error: object) -> str:
    """A network error in words; never its arguments, which may hold the URL."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__ if isinstance(error, Exception) else "unknown"
