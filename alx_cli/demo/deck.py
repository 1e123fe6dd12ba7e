"""Deals rare cases to rows that have no other case yet, so that each oddity shows on its own."""

import numpy as np

from alx_cli.demo.columns import BoolArray, IntArray

AT_LEAST = 4
"""Of each case there are some, however small the site."""


class Deck:
    """Row numbers in random order, each dealt once."""

    def __init__(self, dice: np.random.Generator, eligible: BoolArray) -> None:
        """Shuffle the numbers of the rows that are `eligible`. Shares are of all rows."""
        self._cards = dice.permutation(np.flatnonzero(eligible)).astype(np.int64)
        self._all = len(eligible)

    def deal(self, share_pct: float, *, at_least: int = AT_LEAST, among: BoolArray | None = None) -> IntArray:
        """Take `share_pct` per cent of all rows, or `at_least` so many, and return their numbers, sorted.

        `among` restricts them further. Fewer come back when the deck runs out.
        """
        count = max(at_least, round(self._all * share_pct / 100))
        chosen = self._cards if among is None else self._cards[among[self._cards]]
        chosen = chosen[:count]
        self._cards = self._cards[~np.isin(self._cards, chosen)]
        return np.sort(chosen)
