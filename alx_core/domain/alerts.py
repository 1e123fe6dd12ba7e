"""What becomes of alerts: a pure function from what was seen and what is open to what changes and what is told.

An incident lasts from the moment an alert is seen until it is well again; there is one at a time for each (alert,
subject). Told is its opening, once; a reminder each time the cool-down has passed and nobody acknowledged it; and its
end, if it was told of at all. An alert that comes back within the cool-down of its last message opens an incident that
stays silent until the cool-down is over: one that flickers is told once an hour, one that stays is never lost.

The rules that see alerts are in `sync_alerts`, `api_alerts` and `security_alerts`; the database is in `store/alerts`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

FORGET_AFTER_S = 24 * 3600
"""An incident that nothing was heard of for so long ends: there is nobody left to be well again."""


class AlertName(StrEnum):
    """Every alert there is; the names are stored, and documented in `docs/operations.md`."""

    SYNC_FAILED = "sync_failed"
    SYNC_STALE = "sync_stale"
    SYNC_ERROR_RATE = "sync_error_rate"
    API_SLOW = "api_slow"
    API_SUCCESS_RATE = "api_success_rate"
    API_CACHE_HIT_RATE = "api_cache_hit_rate"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    FAILED_AUTH = "failed_auth"
    UNUSUAL_ACTIVITY = "unusual_activity"
    TEST = "test"
    """Made by `alx alerts test`; never open."""


class Severity(StrEnum):
    """How bad it is, from least to most."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """A number that grows with the severity."""
        return list(Severity).index(self)


class AlertState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    """Somebody takes care of it: no reminders until it is over."""
    RESOLVED = "resolved"


class MessageKind(StrEnum):
    """What a message says of an incident."""

    OPENED = "opened"
    REMINDER = "reminder"
    RECOVERED = "recovered"
    TEST = "test"


Figures = Mapping[str, int | float | str | None]
Key = tuple[AlertName, str]
"""Alert and subject."""


@dataclass(frozen=True, slots=True)
class Observation:
    """An alert that is the case. `subject` tells apart whom it is about: a shortname, token or address; '' is all."""

    alert: AlertName
    severity: Severity
    title: str
    message: str
    recommendation: str
    subject: str = ""
    link: str = ""
    details: Figures = field(default_factory=dict)
    companyid: int | None = None
    token_id: int | None = None

    @property
    def key(self) -> Key:
        """Which incident it belongs to."""
        return self.alert, self.subject


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of a look at some alerts: `alerts` were looked at, `bad` is what was found.

    `well` are the keys known to be well; None: all that are not bad. The rest could not be judged, for example because
    nobody called in the hour: their incidents stay as they are.
    """

    alerts: frozenset[AlertName]
    bad: Sequence[Observation] = ()
    well: frozenset[Key] | None = None

    def is_well(self, key: Key) -> bool:
        """Whether an alert that is not among the bad ones is known not to be the case."""
        return self.well is None or key in self.well


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident that is not over; times are epoch seconds. `notified_at` None: nobody was told yet."""

    id: int
    alert: AlertName
    subject: str
    severity: Severity
    state: AlertState
    opened_at: int
    last_seen_at: int
    notified_at: int | None
    details: Figures = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Alert and subject."""
        return self.alert, self.subject


@dataclass(frozen=True, slots=True)
class Transition:
    """What happens to one incident.

    `incident` None: a new one opens. `observation` None: it is over. `message` None: nobody is told.
    """

    incident: Incident | None
    observation: Observation | None
    message: MessageKind | None
    state: AlertState
    severity: Severity


def decide(
    judgement: Judgement,
    incidents: Sequence[Incident],
    *,
    last_told: Mapping[Key, int],
    now: int,
    cooldown_s: int,
) -> list[Transition]:
    """Return what changes. `incidents` are all that are not over; `last_told` is when each key was last told as bad."""
    known = {each.key: each for each in incidents}
    seen = {each.key: each for each in judgement.bad}
    changes = [
        _open(observation, last_told.get(key), now, cooldown_s)
        if key not in known
        else _still(known[key], observation, last_told.get(key), now, cooldown_s)
        for key, observation in seen.items()
    ]
    for incident in incidents:
        if incident.alert in judgement.alerts and incident.key not in seen:
            is_forgotten = now - incident.last_seen_at >= FORGET_AFTER_S
            if judgement.is_well(incident.key) or is_forgotten:
                changes.append(_recover(incident))
    return changes


def _open(observation: Observation, told_at: int | None, now: int, cooldown_s: int) -> Transition:
    message = MessageKind.OPENED if _is_due(told_at, now, cooldown_s) else None
    return Transition(None, observation, message, AlertState.OPEN, observation.severity)


def _still(incident: Incident, observation: Observation, told_at: int | None, now: int, cooldown_s: int) -> Transition:
    """Something that got worse is told at once, acknowledged or not: what was acknowledged was less."""
    severity = max(incident.severity, observation.severity, key=lambda each: each.rank)
    is_worse = severity is not incident.severity
    state = AlertState.OPEN if is_worse else incident.state
    is_told = is_worse or (state is AlertState.OPEN and _is_due(told_at, now, cooldown_s))
    kind = MessageKind.OPENED if incident.notified_at is None else MessageKind.REMINDER
    return Transition(incident, observation, kind if is_told else None, state, severity)


def _recover(incident: Incident) -> Transition:
    message = None if incident.notified_at is None else MessageKind.RECOVERED
    return Transition(incident, None, message, AlertState.RESOLVED, incident.severity)


def _is_due(told_at: int | None, now: int, cooldown_s: int) -> bool:
    return told_at is None or now - told_at >= cooldown_s
