"""The clock that comes in as an argument."""

import time

from alx_core.clock import system_clock


def test_the_systems_clock_says_the_seconds_since_1970() -> None:
    before = time.time()
    assert before <= system_clock() <= time.time()
