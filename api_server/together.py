"""Requests that want the same of the database at the same time, and get it by one statement.

A client with several connections asks for the same page on all of them, and each asks the database the same: look this
token up, count one call. Those that come while such a statement of their process is on its way wait, and go together
in the next one. A request alone does not wait.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Outcome = TypeVar("Outcome")


@dataclass(slots=True)
class _Group(Generic[Outcome]):
    """Requests that go together. `done` is held until there is an outcome or an error."""

    size: int = 0
    done: threading.Lock = field(default_factory=threading.Lock)
    outcome: Outcome | None = None
    error: BaseException | None = None


@dataclass(slots=True)
class _Line(Generic[Outcome]):
    """All requests of one key: whose turn it is, the group that still takes some, and how many requests there are."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    gathering: _Group[Outcome] | None = None
    requests: int = 0


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
        try:
            if leads:
                self._lead(line, group, statement)
            else:
                group.done.acquire()
                group.done.release()
        finally:
            self._leave(key, line)
        if group.error is not None:
            raise group.error
        return group.outcome  # type: ignore[return-value]  # without an error there is an outcome

    def _join(self, key: Hashable) -> tuple[_Line[Outcome], _Group[Outcome], bool]:
        with self._lock:
            line = self._lines.setdefault(key, _Line())
            line.requests += 1
            group = line.gathering
            leads = group is None
            if group is None:
                group = line.gathering = _Group()
                group.done.acquire()
            group.size += 1
        return line, group, leads

    def _lead(self, line: _Line[Outcome], group: _Group[Outcome], statement: Callable[[int], Outcome]) -> None:
        try:
            with line.turn:
                with self._lock:
                    line.gathering = None
                group.outcome = statement(group.size)
        except BaseException as error:  # noqa: BLE001  # each of the requests raises it
            group.error = error
        finally:
            group.done.release()

    def _leave(self, key: Hashable, line: _Line[Outcome]) -> None:
        with self._lock:
            line.requests -= 1
            if line.requests == 0:
                del self._lines[key]
