"""What the learners did: completions of modules, of courses and of criteria, in step with their enrolments."""

from dataclasses import dataclass

import numpy as np

from alx_cli.demo.accounts import ADMIN_ID
from alx_cli.demo.catalogue import Trait
from alx_cli.demo.columns import BoolArray, Column, ColumnRows, IntArray, Nullable, SiteTable
from alx_cli.demo.courses import Courses, course_ids, courses_with
from alx_cli.demo.deck import Deck
from alx_cli.demo.enrolments import HISTORY_DAYS, Enrolments
from alx_cli.demo.learners import Learners
from alx_cli.demo.work_clock import DAY_S, HOUR_S, WorkClock

INCOMPLETE, COMPLETE, COMPLETE_PASS, COMPLETE_FAIL = range(4)
"""course_modules_completion.completionstate: the COMPLETION_* constants of Moodle's lib/completionlib.php."""

USUALLY_DONE_AFTER_DAYS = 45
NEVER_CAME = 0.03
"""Share of the learners who never opened anything."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How far each enrolment got, parallel to `Enrolments`. Times are epoch seconds.

    `steps` modules have completion rows; `is_complete` says that the course is; `is_glance` that the one row there is
    says "incomplete". `by_hand` are completions that an administrator gave, whatever the modules say.
    """

    steps: IntArray
    is_complete: BoolArray
    is_glance: BoolArray
    by_hand: IntArray
    since: IntArray
    is_recent: BoolArray


@dataclass(frozen=True, slots=True)
class Progress:
    """The tables about progress, and when each learner was last active, 0 for never."""

    tables: list[SiteTable]
    lastaccess: IntArray


@dataclass(frozen=True, slots=True)
class _Steps:
    """Parallel arrays, one entry per completion row: its enrolment, the place in its course, its step and time."""

    pair: IntArray
    place: IntArray
    step: IntArray
    at: IntArray
    last_at: IntArray  # per enrolment, not per row: when it last moved


def make_progress(
    dice: np.random.Generator,
    enrolments: Enrolments,
    *,
    learners: Learners,
    courses: Courses,
    clock: WorkClock,
    now: int,
) -> Progress:
    """Let the learners work through their courses."""
    outcomes = _outcomes(dice, enrolments, courses, learners=len(learners), now=now)
    steps = _take_steps(dice, enrolments, outcomes, learners=learners, courses=courses, clock=clock, now=now)
    userid = learners.userid[enrolments.learner]
    lastaccess = np.zeros(len(learners), dtype=np.int64)
    np.maximum.at(lastaccess, enrolments.learner[steps.pair], steps.at)
    module_completions = _module_completions(dice, outcomes, steps, courses=courses, userid=userid)
    # Skipped steps leave the enrolment's first row to be found among those there are.
    first_at = np.zeros(len(enrolments), dtype=np.int64)
    first_at[steps.pair[::-1]] = steps.at[::-1]
    return Progress(
        tables=[
            module_completions,
            _course_completions(dice, enrolments, outcomes, userid=userid, first_at=first_at, last_at=steps.last_at),
            _criteria_completions(enrolments, outcomes, courses, userid=userid, last_at=steps.last_at),
        ],
        lastaccess=lastaccess,
    )


def _outcomes(
    dice: np.random.Generator, enrolments: Enrolments, courses: Courses, *, learners: int, now: int
) -> Outcomes:
    """Draw how far each got: the longer enrolled, the likelier done. Nobody in a course that was reset.

    Some learners are quicker than others in all their courses, and some never come at all.
    """
    length = len(enrolments)
    available = np.diff(courses.first_step)[enrolments.course]
    is_reset = np.isin(enrolments.course, courses_with(Trait.RESET))
    is_idle = (dice.random(learners) < NEVER_CAME)[enrolments.learner]
    can_work = (enrolments.until > 0) & ~is_reset & ~is_idle
    since = np.maximum(enrolments.timecreated, now - HISTORY_DAYS * DAY_S + HOUR_S)
    ripeness = np.clip((enrolments.until - since) / (USUALLY_DONE_AFTER_DAYS * DAY_S), 0, 1)
    sloth = dice.uniform(-0.15, 0.15, size=learners)
    throw = dice.random(length) + sloth[enrolments.learner]
    is_complete = can_work & (throw < 0.12 + 0.43 * ripeness)
    is_partial = can_work & ~is_complete & (throw < 0.62 + 0.23 * ripeness) & (available > 1)
    is_glance = can_work & ~is_complete & ~is_partial & (dice.random(length) < 0.15) & (available > 0)
    partial_steps = 1 + (dice.random(length) * (available - 1)).astype(np.int64)
    steps = np.select([is_complete, is_partial, is_glance], [available, partial_steps, 1], 0)
    deck = Deck(dice, is_partial)
    is_recent = np.zeros(length, dtype=np.bool_)
    is_recent[deck.deal(0.25, at_least=12, among=(enrolments.until == now) & (since < now - DAY_S))] = True
    return Outcomes(steps, is_complete, is_glance, deck.deal(0.3), since, is_recent)


def _take_steps(
    dice: np.random.Generator,
    enrolments: Enrolments,
    outcomes: Outcomes,
    *,
    learners: Learners,
    courses: Courses,
    clock: WorkClock,
    now: int,
) -> _Steps:
    """Lay each enrolment's steps between its beginning and its end, evenly by the work clock."""
    length = len(enrolments)
    offset = learners.utc_offset_s[enrolments.learner]
    until = np.maximum(enrolments.until, outcomes.since + 1)
    low, high = clock.worked_h(outcomes.since, offset), clock.worked_h(until, offset)
    begin = low + (high - low) * dice.beta(1.1, 1.2, size=length)
    is_sitting = dice.random(length) < 0.5  # half do a course in one go, the others come back to it
    span = np.where(is_sitting, 0.3 + 2.2 * dice.random(length), (high - begin) * dice.beta(1.2, 2, size=length))
    end = np.minimum(high, begin + span)
    lately = clock.worked_h(now - dice.integers(0, 3 * HOUR_S, size=length), offset)
    end = np.where(outcomes.is_recent, lately, end)
    begin = np.where(outcomes.is_recent, np.maximum(low, lately - 1.2), begin)

    pair = np.repeat(np.arange(length, dtype=np.int64), outcomes.steps)
    place = np.arange(len(pair), dtype=np.int64) - np.repeat(np.cumsum(outcomes.steps) - outcomes.steps, outcomes.steps)
    share = (place + dice.random(len(pair))) / outcomes.steps[pair]
    share[place == outcomes.steps[pair] - 1] = 1
    at = clock.instants(begin[pair] + (end - begin)[pair] * share, offset[pair])
    at = np.clip(at, outcomes.since[pair], until[pair])
    last_at = np.clip(clock.instants(end, offset), outcomes.since, until)
    # A step before the last is skipped now and then: the course asks for the last one only.
    stays = (dice.random(len(pair)) > 0.02) | (place == outcomes.steps[pair] - 1)
    pair, place, at = pair[stays], place[stays], at[stays]
    return _Steps(pair, place, courses.first_step[enrolments.course[pair]] + place, at, last_at)


def _module_completions(
    dice: np.random.Generator, outcomes: Outcomes, steps: _Steps, *, courses: Courses, userid: IntArray
) -> SiteTable:
    """Return course_modules_completion in the order of time: graded modules are passed or failed, others complete."""
    length = len(steps.pair)
    throw = dice.random(length)
    is_graded = courses.step_is_graded[steps.step]
    is_last = steps.place == outcomes.steps[steps.pair] - 1
    is_stuck = is_last & ~outcomes.is_complete[steps.pair]
    has_failed = is_graded & ((is_stuck & (throw < 0.5)) | (~is_last & (throw < 0.03)))
    state = np.where(is_graded, COMPLETE_PASS, COMPLETE)
    state[has_failed] = COMPLETE_FAIL
    state[(is_stuck & (throw > 0.88)) | outcomes.is_glance[steps.pair]] = INCOMPLETE
    overrideby = np.where(dice.random(length) < 0.002, ADMIN_ID, 0)
    order = np.argsort(steps.at, kind="stable")
    columns: list[Column] = [
        np.arange(1, length + 1, dtype=np.int64), courses.step_moduleid[steps.step[order]], userid[steps.pair[order]],
        state[order], Nullable(overrideby[order]), steps.at[order],
    ]  # fmt: skip
    names = ["id", "coursemoduleid", "userid", "completionstate", "overrideby", "timemodified"]
    return "course_modules_completion", names, ColumnRows(length, columns)


def _course_completions(
    dice: np.random.Generator,
    enrolments: Enrolments,
    outcomes: Outcomes,
    *,
    userid: IntArray,
    first_at: IntArray,
    last_at: IntArray,
) -> SiteTable:
    """Return course_completions: always there for who is done, absent for some others, timestarted 0 for some.

    Moodle's cron makes the rows; those of learners who came by another way, or too lately, are missing or half filled.
    """
    length = len(enrolments)
    is_done = outcomes.is_complete.copy()
    is_done[outcomes.by_hand] = True
    has_begun = (outcomes.steps > 0) & ~outcomes.is_glance
    is_reset = np.isin(enrolments.course, courses_with(Trait.RESET))
    throw = dice.random(length)
    is_there = is_done | (has_begun & (throw < 0.85)) | ((throw < 0.6) & (enrolments.until > 0) & ~is_reset)
    knows_start = dice.random(length) < np.where(is_done, 0.95, 0.7)
    timestarted = np.where(has_begun & knows_start, first_at, 0)
    enrolled = np.where(enrolments.timestart > 0, enrolments.timestart, enrolments.timecreated)
    timeenrolled = np.where(dice.random(length) < 0.2, 0, enrolled)
    timecompleted = np.where(is_done, last_at, 0)
    is_waiting = has_begun & ~is_done & (dice.random(length) < 0.005)
    rows = np.flatnonzero(is_there)
    rows = rows[np.argsort(enrolments.timecreated[rows], kind="stable")]
    columns: list[Column] = [
        np.arange(1, len(rows) + 1, dtype=np.int64), userid[rows], course_ids(enrolments.course[rows]),
        timeenrolled[rows], timestarted[rows], Nullable(timecompleted[rows]), np.where(is_waiting, last_at, 0)[rows],
    ]  # fmt: skip
    names = ["id", "userid", "course", "timeenrolled", "timestarted", "timecompleted", "reaggregate"]
    return "course_completions", names, ColumnRows(len(rows), columns)


def _criteria_completions(
    enrolments: Enrolments, outcomes: Outcomes, courses: Courses, *, userid: IntArray, last_at: IntArray
) -> SiteTable:
    """Return course_completion_crit_compl: the one criterion of each course, met by who has completed it."""
    rows = np.flatnonzero(outcomes.is_complete)
    rows = rows[np.argsort(last_at[rows], kind="stable")]
    course = enrolments.course[rows]
    columns: list[Column] = [
        np.arange(1, len(rows) + 1, dtype=np.int64), userid[rows], course_ids(course), courses.criteriaid[course],
        last_at[rows],
    ]  # fmt: skip
    names = ["id", "userid", "course", "criteriaid", "timecompleted"]
    return "course_completion_crit_compl", names, ColumnRows(len(rows), columns)
