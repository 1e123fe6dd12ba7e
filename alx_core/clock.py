"""The clock as an argument, so that rules about time can be tested without waiting."""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""A function that returns now, in seconds since the Unix epoch."""

system_clock: Clock = time.time
