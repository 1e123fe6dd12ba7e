"""Claims on pages that take long to build, renewed for as long as their builders live."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alx_core.faults import first_line
from alx_core.logs import get_logger

log = get_logger()

Renew = Callable[[], None]
"""Renews one claim. It is called in the keeper's own thread, while the builder's is busy."""


class ClaimKeeper:
    """One thread of a process, which lives while there are builds: one that is killed renews nothing any more."""

    def __init__(self, *, every_s: float) -> None:
        """Renew a claim each `every_s` seconds; a build that takes less costs no renewal."""
        self._every_s = every_s
        self._lock = threading.Lock()
        self._builds: dict[object, tuple[float, Renew]] = {}
        self._is_running = False

    @contextmanager
    def keeping(self, renew: Renew) -> Iterator[None]:
        """Build inside: meanwhile the claim is renewed."""
        build = object()
        with self._lock:
            self._builds[build] = time.monotonic(), renew
            is_first, self._is_running = not self._is_running, True
        if is_first:
            threading.Thread(target=self._run, name="claim-keeper", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                del self._builds[build]

    def _run(self) -> None:
        while True:
            time.sleep(self._every_s)
            with self._lock:
                if not self._builds:
                    self._is_running = False
                    return
                began_before = time.monotonic() - self._every_s
                due = [renew for began_at, renew in self._builds.values() if began_at <= began_before]
            for renew in due:
                _try(renew)


def _try(renew: Renew) -> None:
    try:
        renew()
    except Exception as error:  # noqa: BLE001  # the others' claims depend on this thread; a claim that ends costs a build
        log.warning("claim_not_renewed", error=first_line(error))
