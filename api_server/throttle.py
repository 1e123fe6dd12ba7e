"""Two brakes in each API process: on a token that hurries, and on an address that guesses.

Neither replaces the quota, which is exact and shared. Both are the library `limits` over the process's memory; the
Redis and database behind the API are not asked for what protects them.
"""

import threading
import time
from collections.abc import Callable

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

from alx_core.domain.networks import site_of

FREE_FAILURES = 10
"""Failed authentications in ten minutes that an address may make before it is slowed."""
FAILURES = RateLimitItemPerMinute(FREE_FAILURES, multiples=10)
DELAY_S = 0.2


class Burst:
    """At most `per_minute` requests of one token in each process; 0 = no limit."""

    def __init__(self, per_minute: int) -> None:
        """Count in this process's memory."""
        self._limit: RateLimitItem | None = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    @property
    def is_on(self) -> bool:
        """Whether there is a limit."""
        return self._limit is not None

    def retry_after_s(self, token_id: int) -> int:
        """Count a request; return 0 when it may pass, else after how many seconds the next one may."""
        key = str(token_id)
        if self._limit is None or self._limiter.hit(self._limit, key):
            return 0
        return max(1, int(self._limiter.get_window_stats(self._limit, key).reset_time - time.time()) + 1)


class Guessing:
    """Slows the answers to keys that are wrong, per address, and never those to keys that are right.

    An address is often shared (a gateway, Power BI itself), so nobody is locked out: only the answer to a wrong key
    waits. Waiting answers hold threads, so few of them wait at a time; beyond these the answer goes out at once.
    """

    def __init__(self, *, most_waiting: int, sleep: Callable[[float], None] = time.sleep) -> None:
        """Let at most `most_waiting` answers wait at a time."""
        self._failures = FixedWindowRateLimiter(MemoryStorage())
        self._waiting = threading.BoundedSemaphore(most_waiting)
        self._sleep = sleep

    def failed(self, address: str) -> None:
        """Note a failed authentication; from the eleventh in ten minutes on, wait."""
        if self._failures.hit(FAILURES, site_of(address)) or not self._waiting.acquire(blocking=False):
            return
        try:
            self._sleep(DELAY_S)
        finally:
            self._waiting.release()
