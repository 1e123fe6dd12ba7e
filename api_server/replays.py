"""Whether a page was asked for again: what Power BI does for previews, several tables, and after an error.

Known to this process alone, so a request that another worker answered counts as new. It goes into the log and decides
nothing.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

WINDOW_S = 120
MOST = 10_000


class Replays:
    """Remembers the pages of the last two minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Remember at most MOST of them."""
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[Hashable, float] = OrderedDict()

    def seen(self, page: Hashable) -> bool:
        """Note a page; return whether it was asked for within WINDOW_S before."""
        now = self._clock()
        with self._lock:
            before = self._seen.pop(page, None)
            self._seen[page] = now
            while len(self._seen) > MOST:
                self._seen.popitem(last=False)
        return before is not None and now - before <= WINDOW_S
