"""What every tab is made of: cards with one figure each, and the sentence above them that says it all."""

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How to take a figure. Each has its colour and its icon, and never stands without a word."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    BUSY = "busy"
    IDLE = "idle"
    """Nothing to judge yet."""


@dataclass(frozen=True, slots=True)
class Card:
    """One figure. `window`: the time it is about; `word` judges it; `notes` are short lines below.

    Texts may be Markup; whatever is not is escaped.
    """

    key: str
    label: str
    figure: str
    window: str
    tone: Tone
    word: str
    threshold: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The tab in one sentence, and what to do about it."""

    tone: Tone
    headline: str
    advice: str = ""
