"""Requests that want the same of the database at the same time, and get it by one statement.

A client with several connections asks for the same page on all of them, and each asks the database the same: look this
token up, count one call. Those that come while such a statement of their process is on its way wait, and go together
in the next one. Where several went together the last time, as many are waited for, for a moment. A request alone does
not wait.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Outcome = TypeVar("Outcome")

GATHER_S = 0.001
"""Seconds for which as many requests as the last time are waited for: about as long as one takes to be answered and the
next one of its connection to come."""
MOST = 1_000
"""Keys of which a process knows how many requests went together; it then begins anew."""


@dataclass(slots=True)
class _Group(Generic[Outcome]):
    """Requests that go together. `full` is held until as many as `wanted` have come, `done` until there is an outcome
    or an error."""

    wanted: int
    size: int = 1
    full: threading.Lock = field(default_factory=threading.Lock)
    done: threading.Lock = field(default_factory=threading.Lock)
    outcome: Outcome | None = None
    error: BaseException | None = None


@dataclass(slots=True)
class _Line(Generic[Outcome]):
    """The requests of one key: whose turn it is, the group that still takes some, and how many went the last time."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    gathering: _Group[Outcome] | None = None
    last_size: int = 1


class Together(Generic[Outcome]):
    """The lines of one process."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._lock = threading.Lock()
        self._lines: dict[Hashable, _Line[Outcome]] = {}

    def run(self, key: Hashable, statement: Callable[[int], Outcome]) -> Outcome:
        """Return what `statement(size)` returns, called once for the `size` requests of `key` that go together.

        It is called after all of them have come. An error that it raises is raised for each of them.
        """
        line, group, leads = self._join(key)
        if leads:
            self._lead(line, group, statement)
        else:
            group.done.acquire()
            group.done.release()
        if group.error is not None:
            raise group.error
        return group.outcome  # type: ignore[return-value]  # without an error there is an outcome

    def _join(self, key: Hashable) -> tuple[_Line[Outcome], _Group[Outcome], bool]:
        with self._lock:
            line = self._lines.get(key) or self._begin(key)
            group = line.gathering
            if group is None:
                group = line.gathering = _Group(line.last_size)
                group.done.acquire()
                group.full.acquire()
                return line, group, True
            group.size += 1
            if group.size == group.wanted:
                group.full.release()
            return line, group, False

    def _begin(self, key: Hashable) -> _Line[Outcome]:
        if len(self._lines) >= MOST:
            self._lines.clear()  # who stands in one of them goes on there
        line = self._lines[key] = _Line()
        return line

    def _lead(self, line: _Line[Outcome], group: _Group[Outcome], statement: Callable[[int], Outcome]) -> None:
        try:
            with line.turn:
                if group.size < group.wanted:
                    group.full.acquire(timeout=GATHER_S)
                with self._lock:
                    line.gathering, line.last_size = None, group.size
                group.outcome = statement(group.size)
        except BaseException as error:  # noqa: BLE001  # each of the requests raises it
            group.error = error
        finally:
            group.done.release()
