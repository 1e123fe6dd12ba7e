"""Times that other machines, or this one before its clock was set right, have written down."""

CLOCKS_APART_S = 60
"""Seconds by which the clocks of an installation's machines may differ."""


def is_of_the_future(at: float, now: float) -> bool:
    """Whether a clock that ran ahead wrote `at` down: both are epoch seconds. Nothing can be told from such a time."""
    return at > now + CLOCKS_APART_S
