"""Incidents that are not over, as the tabs show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alx_core.domain.alerts import AlertState, Severity


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An incident that is not over."""

    id: int
    alert: str
    subject: str
    severity: Severity
    state: AlertState
    company: str
    title: str
    message: str
    recommendation: str
    link: str
    occurrences: int
    opened_at: int
    last_seen_at: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "OpenAlert":
        """Take one from a row of `list_open_alerts`."""
        same = {name: row[name] for name in cls.__slots__ if name not in ("severity", "state", "company")}
        return cls(
            **same, severity=Severity(row["severity"]), state=AlertState(row["state"]), company=row["company"] or ""
        )
