"""The alert engine as a pure function, and as a whole played over random histories."""

import itertools
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alx_core.domain.alerts import (
    FORGET_AFTER_S,
    AlertName,
    AlertState,
    Incident,
    Judgement,
    Key,
    MessageKind,
    Observation,
    Severity,
    Transition,
    decide,
)

NOW = 1_800_000_000
COOLDOWN_S = 3600
FAILED = AlertName.SYNC_FAILED
JUDGED = frozenset({FAILED})


def make_observation(**overrides: Any) -> Observation:
    """A critical alert about everybody."""
    plain = Observation(FAILED, Severity.CRITICAL, title="t", message="m", recommendation="r")
    return replace(plain, **overrides)


def make_incident(**overrides: Any) -> Incident:
    """An open incident that began an hour ago, told then."""
    begun = NOW - COOLDOWN_S
    plain = Incident(1, FAILED, "", Severity.CRITICAL, AlertState.OPEN, begun, begun, begun)
    return replace(plain, **overrides)


def decide_one(judgement: Judgement, *incidents: Incident, told_at: int | None = None) -> list[Transition]:
    last_told = {} if told_at is None else {(FAILED, ""): told_at}
    return decide(judgement, incidents, last_told=last_told, now=NOW, cooldown_s=COOLDOWN_S)


BAD = Judgement(JUDGED, [make_observation()])
WELL = Judgement(JUDGED)
UNSURE = Judgement(JUDGED, well=frozenset())


def test_what_is_seen_first_opens_an_incident_and_is_told() -> None:
    (change,) = decide_one(BAD)
    assert (change.incident, change.observation) == (None, make_observation())
    assert (change.message, change.state) == (MessageKind.OPENED, AlertState.OPEN)


def test_what_goes_on_is_not_told_again_within_the_cool_down() -> None:
    (change,) = decide_one(BAD, make_incident(), told_at=NOW - COOLDOWN_S + 1)
    assert (change.message, change.state) == (None, AlertState.OPEN)


def test_what_goes_on_is_told_again_when_the_cool_down_has_passed() -> None:
    (change,) = decide_one(BAD, make_incident(), told_at=NOW - COOLDOWN_S)
    assert change.message is MessageKind.REMINDER


def test_what_is_acknowledged_stays_silent_for_days() -> None:
    (change,) = decide_one(BAD, make_incident(state=AlertState.ACKNOWLEDGED), told_at=NOW - 100 * COOLDOWN_S)
    assert (change.message, change.state) == (None, AlertState.ACKNOWLEDGED)


@pytest.mark.parametrize("state", [AlertState.OPEN, AlertState.ACKNOWLEDGED])
def test_what_gets_worse_is_told_at_once_and_open_again(state: AlertState) -> None:
    incident = make_incident(severity=Severity.WARNING, state=state)
    (change,) = decide_one(BAD, incident, told_at=NOW - 1)
    assert (change.message, change.state) == (MessageKind.REMINDER, AlertState.OPEN)
    assert change.severity is Severity.CRITICAL


def test_what_gets_better_without_being_well_keeps_its_severity() -> None:
    seen = Judgement(JUDGED, [make_observation(severity=Severity.WARNING)])
    (change,) = decide_one(seen, make_incident(), told_at=NOW - 1)
    assert (change.message, change.severity) == (None, Severity.CRITICAL)


@pytest.mark.parametrize("state", [AlertState.OPEN, AlertState.ACKNOWLEDGED])
def test_what_is_well_again_is_told_if_its_beginning_was(state: AlertState) -> None:
    (change,) = decide_one(WELL, make_incident(state=state))
    assert (change.message, change.state, change.observation) == (MessageKind.RECOVERED, AlertState.RESOLVED, None)


def test_the_end_of_what_nobody_was_told_of_is_not_told() -> None:
    (change,) = decide_one(WELL, make_incident(notified_at=None))
    assert (change.message, change.state) == (None, AlertState.RESOLVED)


def test_what_comes_back_within_the_cool_down_opens_in_silence() -> None:
    (change,) = decide_one(BAD, told_at=NOW - COOLDOWN_S + 1)
    assert (change.incident, change.message) == (None, None)


def test_what_opened_in_silence_and_stays_is_told_when_the_cool_down_has_passed() -> None:
    (change,) = decide_one(BAD, make_incident(notified_at=None), told_at=NOW - COOLDOWN_S)
    assert change.message is MessageKind.OPENED


def test_what_can_not_be_judged_stays_as_it_is() -> None:
    assert decide_one(UNSURE, make_incident(last_seen_at=NOW - FORGET_AFTER_S + 1)) == []


def test_what_could_not_be_judged_for_a_day_is_over() -> None:
    (change,) = decide_one(UNSURE, make_incident(last_seen_at=NOW - FORGET_AFTER_S))
    assert change.message is MessageKind.RECOVERED


def test_a_look_at_other_alerts_says_nothing() -> None:
    assert decide_one(Judgement(frozenset({AlertName.API_SLOW})), make_incident(last_seen_at=0)) == []


def test_subjects_are_told_apart() -> None:
    seen = Judgement(JUDGED, [make_observation(subject="beta")])
    changes = decide_one(seen, make_incident(subject="acme"))
    assert [(each.incident is None, each.message) for each in changes] == [
        (True, MessageKind.OPENED),
        (False, MessageKind.RECOVERED),
    ]


# --- whole histories ---


class World:
    """Applies what the engine decides, as the store does."""

    def __init__(self) -> None:
        self.now = NOW
        self.incidents: dict[int, Incident] = {}
        self.messages: dict[int, list[tuple[int, MessageKind]]] = defaultdict(list)
        self.keys: dict[int, Key] = {}

    def look(self, judgement: Judgement, *, after_s: int) -> None:
        self.now += after_s
        open_ = [each for each in self.incidents.values() if each.state is not AlertState.RESOLVED]
        told: dict[Key, int] = {}
        for each in self.incidents.values():
            if each.notified_at is not None:
                told[each.key] = max(each.notified_at, told.get(each.key, 0))
        for change in decide(judgement, open_, last_told=told, now=self.now, cooldown_s=COOLDOWN_S):
            self._apply(change)

    def _apply(self, change: Transition) -> None:
        incident = change.incident
        if incident is None:
            assert change.observation is not None
            key = change.observation.key
            new = len(self.incidents) + 1
            incident = Incident(new, *key, change.severity, AlertState.OPEN, self.now, self.now, None)
        seen_at = incident.last_seen_at if change.observation is None else self.now
        told = self.now if change.message not in (None, MessageKind.RECOVERED) else incident.notified_at
        self.incidents[incident.id] = replace(
            incident, state=change.state, severity=change.severity, last_seen_at=seen_at, notified_at=told
        )
        self.keys[incident.id] = incident.key
        if change.message is not None:
            self.messages[incident.id].append((self.now, change.message))

    def acknowledge(self) -> None:
        for each in list(self.incidents.values()):
            if each.state is AlertState.OPEN:
                self.incidents[each.id] = replace(each, state=AlertState.ACKNOWLEDGED)

    def open_keys(self) -> Counter[Key]:
        return Counter(each.key for each in self.incidents.values() if each.state is not AlertState.RESOLVED)


SUBJECTS = ("", "acme", "beta")
observations = st.builds(make_observation, subject=st.sampled_from(SUBJECTS), severity=st.sampled_from(Severity))
judgements = st.builds(
    Judgement,
    st.just(JUDGED),
    st.lists(observations, max_size=3, unique_by=lambda each: each.key),
    st.one_of(st.none(), st.frozensets(st.sampled_from(SUBJECTS).map(lambda each: (FAILED, each)))),
)
steps = st.lists(
    st.tuples(judgements, st.sampled_from([1, 60, COOLDOWN_S - 1, COOLDOWN_S, FORGET_AFTER_S]), st.booleans()),
    max_size=30,
)


def played(history: list[tuple[Judgement, int, bool]]) -> World:
    world = World()
    for judgement, after_s, is_acknowledged in history:
        world.look(judgement, after_s=after_s)
        if is_acknowledged:
            world.acknowledge()
        assert all(count == 1 for count in world.open_keys().values())
        assert {each.key for each in judgement.bad} <= world.open_keys().keys()
    return world


@given(steps)
def test_whatever_happens_there_is_one_incident_for_each_subject_at_a_time(
    history: list[tuple[Judgement, int, bool]],
) -> None:
    played(history)


@given(steps)
def test_whatever_happens_each_incident_is_told_of_once_then_reminded_of_then_ended_once(
    history: list[tuple[Judgement, int, bool]],
) -> None:
    world = played(history)
    for incident_id, messages in world.messages.items():
        kinds = [kind for _, kind in messages]
        assert kinds[0] is MessageKind.OPENED
        is_over = world.incidents[incident_id].state is AlertState.RESOLVED
        middle = kinds[1:-1] if is_over else kinds[1:]
        assert set(middle) <= {MessageKind.REMINDER}
        if is_over:
            assert kinds[-1] is MessageKind.RECOVERED
            assert len(kinds) >= 2


@given(steps)
def test_whatever_happens_bad_news_of_one_subject_keep_the_cool_down_unless_it_gets_worse(
    history: list[tuple[Judgement, int, bool]],
) -> None:
    same = [
        (replace(each, bad=[replace(one, severity=Severity.WARNING) for one in each.bad]), after_s, acknowledged)
        for each, after_s, acknowledged in history
    ]
    world = played(same)
    times: dict[Key, list[int]] = defaultdict(list)
    for incident_id, messages in world.messages.items():
        times[world.keys[incident_id]] += [at for at, kind in messages if kind is not MessageKind.RECOVERED]
    for each in times.values():
        ordered = sorted(each)
        assert all(later - earlier >= COOLDOWN_S for earlier, later in itertools.pairwise(ordered))


@given(steps)
def test_whatever_happens_an_alert_that_lasts_a_cool_down_is_told(
    history: list[tuple[Judgement, int, bool]],
) -> None:
    """Unless somebody acknowledged it: then that somebody knows."""
    world = played([(judgement, after_s, False) for judgement, after_s, _ in history])
    for after_s in (1, COOLDOWN_S):
        world.look(BAD, after_s=after_s)
    (incident,) = [
        each for each in world.incidents.values() if each.key == (FAILED, "") and each.state is AlertState.OPEN
    ]
    assert incident.notified_at is not None
    assert world.now - incident.notified_at <= COOLDOWN_S
