"""Who takes which course, by which method, from when to when: Moodle's user_enrolments."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alx_cli.demo.catalogue import COURSES, ORDINARY_COMPANIES, Trait
from alx_cli.demo.columns import BoolArray, Column, ColumnRows, FloatArray, IntArray, SiteTable
from alx_cli.demo.companies import Company
from alx_cli.demo.courses import LICENSE, MANUAL, SELF, courses_with, enrol_id
from alx_cli.demo.deck import Deck
from alx_cli.demo.learners import Learners
from alx_cli.demo.work_clock import DAY_S, HOUR_S, WorkClock

PER_LEARNER = 8
"""Enrolments a learner has on average; as many courses as a company has at most."""

HISTORY_DAYS = 90
"""How far back anybody was active. Enrolments go back to OLDEST_DAYS."""
OLDEST_DAYS = 380

LICENCE_DAYS = 365

ACTIVE, SUSPENDED, NO_SECOND = 0, 1, -1
"""ENROL_USER_ACTIVE and ENROL_USER_SUSPENDED of Moodle's lib/enrollib.php; NO_SECOND is ours."""

COLUMNS = [
    "id", "status", "enrolid", "userid", "timestart", "timeend", "modifierid", "timecreated", "timemodified",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Enrolments:
    """Parallel arrays, one entry per learner and course, both as positions. Times are epoch seconds.

    `until` is the last instant at which the learner could work in the course: now, or the end of the enrolment or of
    the account; 0 when it has not begun. `is_kept` is false where only progress is left: the learner was unenrolled or
    deleted. `second_status` is the status of another enrolment in the same course by another method, or NO_SECOND.
    """

    learner: IntArray
    course: IntArray
    method: IntArray
    status: IntArray
    timecreated: IntArray
    timestart: IntArray
    timeend: IntArray
    until: IntArray
    is_kept: BoolArray
    second_status: IntArray

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.learner)


def make_enrolments(
    dice: np.random.Generator, companies: Sequence[Company], learners: Learners, clock: WorkClock, *, now: int
) -> Enrolments:
    """Enrol the learners in their companies' courses: plain enrolments first, then the awkward cases among them."""
    learner, course = _pairs(dice, companies, learners)
    length = len(learner)
    created = _enrolled_at(dice, learners, learner, clock, now)
    deleted_at = learners.deleted_at[learner]
    is_licensed = np.isin(course, courses_with(Trait.LICENSED))
    enrolments = Enrolments(
        learner=learner,
        course=course,
        method=_methods(dice, course),
        status=np.zeros(length, dtype=np.int64),
        timecreated=created,
        timestart=np.where((dice.random(length) < 0.1) & ~is_licensed, 0, created),
        timeend=np.where(is_licensed, created + LICENCE_DAYS * DAY_S, 0),
        until=np.where(deleted_at > 0, deleted_at, now),
        is_kept=deleted_at == 0,
        second_status=np.full(length, NO_SECOND, dtype=np.int64),
    )
    has_own_case = is_licensed | np.isin(course, courses_with(Trait.MANUAL_DISABLED))
    deck = Deck(dice, enrolments.is_kept & ~has_own_case & (learners.company[learner] < ORDINARY_COMPANIES))
    _deal_periods(dice, deck, enrolments, now)
    _deal_statuses(dice, deck, enrolments)
    return enrolments


def _deal_periods(dice: np.random.Generator, deck: Deck, enrolments: Enrolments, now: int) -> None:
    """Let some enrolments end, or begin later, or both soon; and unenrol some, which leaves their progress."""
    timestart, timeend, until = enrolments.timestart, enrolments.timeend, enrolments.until
    length = len(enrolments)
    since = np.maximum(enrolments.timecreated, now - HISTORY_DAYS * DAY_S)
    past = since + ((0.3 + 0.65 * dice.random(length)) * (until - since)).astype(np.int64)
    soon = now + dice.integers(HOUR_S // 4, 6 * HOUR_S, size=length)
    expired, unenrolled = deck.deal(2.5), deck.deal(1.5)
    timeend[expired] = past[expired]
    until[unenrolled] = past[unenrolled]
    enrolments.is_kept[unenrolled] = False
    ending_later, ending_soon = deck.deal(8), deck.deal(0.03)
    timeend[ending_later] = now + dice.integers(DAY_S, 400 * DAY_S, size=len(ending_later))
    timeend[ending_soon] = soon[ending_soon]
    starting_later, starting_soon = deck.deal(2), deck.deal(0.03)
    timestart[starting_later] = now + dice.integers(6 * HOUR_S, 40 * DAY_S, size=len(starting_later))
    timestart[starting_soon] = soon[starting_soon]
    np.minimum(until, timeend, out=until, where=timeend > 0)
    until[timestart > now] = 0


def _deal_statuses(dice: np.random.Generator, deck: Deck, enrolments: Enrolments) -> None:
    """Suspend some enrolments; enrol some learners twice, a few of them active only by the second enrolment."""
    status, second = enrolments.status, enrolments.second_status
    status[deck.deal(2.5)] = SUSPENDED
    only_second = deck.deal(0.3)
    status[only_second] = SUSPENDED
    second[only_second] = ACTIVE
    second[deck.deal(1.2)] = ACTIVE
    second[deck.deal(0.3)] = SUSPENDED
    disabled = np.isin(enrolments.course, courses_with(Trait.MANUAL_DISABLED))
    second[disabled & (dice.random(len(enrolments)) < 0.35)] = ACTIVE


def _pairs(dice: np.random.Generator, companies: Sequence[Company], learners: Learners) -> tuple[IntArray, IntArray]:
    """Draw who takes what, each pair once, sorted by learner and course."""
    weights = np.array([profile.weight for profile in COURSES])
    parts = []
    for position, company in enumerate(companies[:ORDINARY_COMPANIES]):
        members = np.flatnonzero((learners.company == position) | (learners.second_company == position))
        courses = np.array(company.courses, dtype=np.int64)
        chances = _chances(weights[courses])
        row, column = np.nonzero(dice.random((len(members), len(courses))) < chances)
        parts.append((members[row], courses[column]))
    parts.append(_outsiders(dice, companies, learners))
    learner, course = (np.concatenate(column) for column in zip(*parts, strict=True))
    key = np.unique(learner * len(COURSES) + course)
    return key // len(COURSES), key % len(COURSES)


def _chances(weights: FloatArray) -> FloatArray:
    """Return each course's chance to be taken: by weight, at most 0.97, adding up to PER_LEARNER where possible."""
    chances = weights * PER_LEARNER / weights.sum()
    for _ in range(8):
        free = chances < 0.97
        missing = PER_LEARNER - np.minimum(chances, 0.97).sum()
        if missing <= 0 or not free.any():
            break
        chances = np.where(free, chances + missing * weights / weights[free].sum(), chances)
    return np.asarray(np.minimum(chances, 0.97), dtype=np.float64)


def _outsiders(
    dice: np.random.Generator, companies: Sequence[Company], learners: Learners
) -> tuple[IntArray, IntArray]:
    """Enrol some in courses that their company does not have: all of the company without courses, a few elsewhere."""
    without = np.flatnonzero(learners.company >= ORDINARY_COMPANIES)
    foreign = dice.choice(np.array(companies[0].own_courses, dtype=np.int64), size=len(without))
    some = dice.choice(len(learners), size=max(5, len(learners) // 1_000), replace=False).astype(np.int64)
    orphan = np.resize(np.array(courses_with(Trait.NO_COMPANY), dtype=np.int64), len(some))
    return np.concatenate([without, some]), np.concatenate([foreign, orphan])


def _enrolled_at(
    dice: np.random.Generator, learners: Learners, learner: IntArray, clock: WorkClock, now: int
) -> IntArray:
    """Draw when: 45 % before the last 90 days, after the account was made, well before it was deleted, at work."""
    deleted_at = learners.deleted_at[learner]
    newest = np.where(dice.random(len(learner)) < 0.45, now - HISTORY_DAYS * DAY_S, now - HOUR_S)
    newest = np.where(deleted_at > 0, np.minimum(newest, deleted_at - 5 * DAY_S), newest)
    oldest = np.maximum(learners.timecreated[learner], now - OLDEST_DAYS * DAY_S)
    newest = np.maximum(newest, oldest + DAY_S)
    return clock.draw(dice, after=oldest, before=newest, utc_offset_s=learners.utc_offset_s[learner])


def _methods(dice: np.random.Generator, course: IntArray) -> IntArray:
    """Return the enrolment method: by licence where the course asks for it, one in five enrols oneself."""
    method = np.where(dice.random(len(course)) < 0.2, SELF, MANUAL)
    method[np.isin(course, courses_with(Trait.MANUAL_DISABLED))] = MANUAL
    method[np.isin(course, courses_with(Trait.LICENSED))] = LICENSE
    return method


def enrolment_table(enrolments: Enrolments, learners: Learners) -> SiteTable:
    """Return user_enrolments in the order in which they were made."""
    first = np.flatnonzero(enrolments.is_kept)
    second = np.flatnonzero(enrolments.is_kept & (enrolments.second_status != NO_SECOND))
    pair = np.concatenate([first, second])
    other = np.where(enrolments.method[second] == SELF, MANUAL, SELF)
    method = np.concatenate([enrolments.method[first], other])
    status = np.concatenate([enrolments.status[first], enrolments.second_status[second]])
    timeend = np.concatenate([enrolments.timeend[first], np.zeros_like(second)])
    created = enrolments.timecreated[pair]
    order = np.lexsort((method, pair, created))
    pair, method = pair[order], method[order]
    userid = learners.userid[enrolments.learner[pair]]
    columns: list[Column] = [
        np.arange(1, len(order) + 1, dtype=np.int64), status[order], enrol_id(enrolments.course[pair], method), userid,
        enrolments.timestart[pair], timeend[order], np.where(method == SELF, userid, 2), created[order], created[order],
    ]  # fmt: skip
    return "user_enrolments", COLUMNS, ColumnRows(len(order), columns)
