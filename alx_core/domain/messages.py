"""What is told of an incident, and when a message that could not be delivered is tried again."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import ceil
from typing import Any, Self

from alx_core.domain.alerts import AlertName, MessageKind, Severity

FIRST_RETRY_S = 5
LONGEST_RETRY_S = 600
"""A channel that is down for a day is still asked every ten minutes: a message is late, never lost."""
LONGEST_WAIT_S = 3600
"""A server that asks for more patience than this is asked again all the same."""


class Channel(StrEnum):
    """Where messages go."""

    SLACK = "slack"
    EMAIL = "email"


class DeliveryState(StrEnum):
    """How a message to one channel stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    ABANDONED = "abandoned"
    """The channel refused it for good; `alx alerts list` and `alx doctor` show it."""


HEADLINES = {
    MessageKind.OPENED: "",
    MessageKind.REMINDER: "Still: ",
    MessageKind.RECOVERED: "Over: ",
    MessageKind.TEST: "Test: ",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as it was when it was stored. `at` is when that was, `opened_at` when the incident began."""

    kind: MessageKind
    alert: AlertName
    alert_id: int
    severity: Severity
    subject: str
    title: str
    message: str
    recommendation: str
    link: str
    opened_at: int
    at: int

    @property
    def headline(self) -> str:
        """One line that says it all."""
        return f"{HEADLINES[self.kind]}{self.title}"

    @property
    def account(self) -> str:
        """What is, or was, the case: of an incident that is over, what was last seen of it must not read as news."""
        return f"It was: {self.message}" if self.kind is MessageKind.RECOVERED else self.message

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Make it again from what `to_json` returned."""
        enums = {
            "kind": MessageKind(values["kind"]),
            "alert": AlertName(values["alert"]),
            "severity": Severity(values["severity"]),
        }
        return cls(**{**values, **enums})


def retry_in_s(attempts: int, *, retry_after_s: float | None, jitter: Callable[[], float]) -> int:
    """Return the seconds until the next try after `attempts` that failed.

    Doubles up to LONGEST_RETRY_S, less up to a half of it by `jitter` (0 to 1), so that those who failed together do
    not come back together. What the server asks for (`Retry-After`) is a minimum.
    """
    longest = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(attempts - 1, 20))
    own = longest * (1 - jitter() / 2)
    asked = min(retry_after_s or 0, LONGEST_WAIT_S)
    return max(1, round(own), ceil(asked))
