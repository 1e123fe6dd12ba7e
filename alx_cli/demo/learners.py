"""The demo's learners: who works in which company, since when, and who is suspended, deleted or in two places."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alx_cli.demo.catalogue import ORDINARY_COMPANIES
from alx_cli.demo.columns import BoolArray, IntArray
from alx_cli.demo.companies import Company
from alx_cli.demo.deck import Deck
from alx_cli.demo.people import AWKWARD_EMAILS, AWKWARD_NAMES
from alx_cli.demo.work_clock import DAY_S, HOUR_S

FIRST_LEARNER_ID = 3
"""Ids 1 and 2 are Moodle's guest and admin."""

NOBODY = -1
"""In a column of positions: no such thing."""


@dataclass(frozen=True, slots=True)
class Learners:
    """Parallel arrays, one entry per learner in the order of ids. Companies are positions; times are epoch seconds."""

    company: IntArray
    second_company: IntArray  # NOBODY for most
    timecreated: IntArray
    deleted_at: IntArray  # 0 for most
    is_suspended: BoolArray
    awkward_name: IntArray  # position in AWKWARD_NAMES, or NOBODY
    awkward_email: IntArray  # position in AWKWARD_EMAILS, or NOBODY
    utc_offset_s: IntArray

    def __len__(self) -> int:
        """Return the number of learners."""
        return len(self.company)

    @property
    def userid(self) -> IntArray:
        """Their ids."""
        return np.arange(FIRST_LEARNER_ID, FIRST_LEARNER_ID + len(self), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class MembershipCases:
    """The learners, by position, whose membership of a company is not the plain one."""

    suspended_in_one_of_two_companies: IntArray
    in_two_departments: IntArray
    suspended_in_one_of_two_departments: IntArray
    suspended_in_both_departments: IntArray
    suspended_in_company: IntArray


def make_learners(
    dice: np.random.Generator, companies: Sequence[Company], *, learners: int, now: int
) -> tuple[Learners, MembershipCases]:
    """Make `learners` people, spread over the companies by their shares, with some of every awkward case."""
    company = _spread(dice, companies, learners)
    staff, newcomers = learners - learners // 5, learners // 5
    timecreated = np.sort(
        np.concatenate([
            dice.integers(now - 1_300 * DAY_S, now - 400 * DAY_S, size=staff),
            dice.integers(now - 400 * DAY_S, now - 2 * DAY_S, size=newcomers),
        ])
    )  # fmt: skip
    deck = Deck(dice, company < ORDINARY_COMPANIES)
    deleted = deck.deal(1, among=timecreated < now - 400 * DAY_S)
    suspended_in_one = deck.deal(0.3)
    in_two = np.concatenate([deck.deal(1.2), suspended_in_one])
    found = Learners(
        company=company,
        second_company=_scatter(
            learners, in_two, (company[in_two] + dice.integers(1, ORDINARY_COMPANIES, len(in_two))) % ORDINARY_COMPANIES
        ),
        timecreated=timecreated,
        deleted_at=_scatter(
            learners, deleted, dice.integers(now - 60 * DAY_S, now - HOUR_S, size=len(deleted)), otherwise=0
        ),
        is_suspended=_flags(learners, deck.deal(1.5)),
        awkward_name=_one_of(learners, deck, len(AWKWARD_NAMES)),
        awkward_email=_one_of(learners, deck, len(AWKWARD_EMAILS), each=2),
        utc_offset_s=np.array([each.utc_offset_s for each in companies], dtype=np.int64)[company],
    )
    cases = MembershipCases(
        suspended_in_one_of_two_companies=suspended_in_one,
        in_two_departments=deck.deal(2),
        suspended_in_one_of_two_departments=deck.deal(0.3),
        suspended_in_both_departments=deck.deal(0.3),
        suspended_in_company=deck.deal(0.8),
    )
    return found, cases


def _spread(dice: np.random.Generator, companies: Sequence[Company], learners: int) -> IntArray:
    """Return each learner's company: shares as in the profiles, at least one learner each, the rest in the first."""
    shares = np.array([company.profile.share_pct for company in companies])
    sizes = np.where(shares > 0, np.maximum(1, np.floor(shares * learners / 100)), 0).astype(np.int64)
    sizes[0] += learners - sizes.sum()
    return dice.permutation(np.repeat(np.arange(len(companies), dtype=np.int64), sizes))


def _scatter(length: int, at: IntArray, values: IntArray, *, otherwise: int = NOBODY) -> IntArray:
    column = np.full(length, otherwise, dtype=np.int64)
    column[at] = values
    return column


def _flags(length: int, at: IntArray) -> BoolArray:
    flags = np.zeros(length, dtype=np.bool_)
    flags[at] = True
    return flags


def _one_of(learners: int, deck: Deck, kinds: int, *, each: int = 1) -> IntArray:
    """Deal each kind to at least `each` people, and to more on a larger site."""
    dealt = deck.deal(0.3, at_least=kinds * each)
    return _scatter(learners, dealt, np.arange(len(dealt), dtype=np.int64) % kinds)
