"""Progress on a terminal: bars while work goes on, nothing in a pipe."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from alx_cli.output import stderr
from alx_core.services.sync.listener import Listener

SYNC_STEPS = {"read": "Reading Moodle", "write": "Writing companies"}


class Bars(AbstractContextManager["Bars"]):
    """One bar per named step, made when it is first heard of."""

    def __init__(self) -> None:
        """Draw on stderr, and only when that is a terminal."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bars away."""
        self._bars.stop()

    def show(self, step: str, done: int, total: int) -> None:
        """Move the bar of `step` to `done` of `total`."""
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=total)
        self._bars.update(self._tasks[step], completed=done)


class SyncBars(Bars, Listener):
    """Bars for a sync."""

    def waiting(self) -> None:
        """Say why nothing moves."""
        stderr.print("Another sync is writing the reporting table; waiting for it to end ...")

    def progress(self, step: str, done: int, total: int) -> None:
        """Move the bar of the sync's step."""
        self.show(SYNC_STEPS[step], done, total)
