"""Whoever wants to know how a sync goes on: a terminal, a test."""

from alx_core.domain.sync import SyncResult


class Listener:
    """Hears of a sync's steps and does nothing; override what is of interest. Calls come from one thread."""

    def waiting(self) -> None:
        """Another sync holds the writer's lock."""

    def progress(self, step: str, done: int, total: int) -> None:
        """`done` of `total` learner ranges were read (step `read`), or companies written (step `write`)."""

    def finished(self, result: SyncResult) -> None:
        """The sync came to its end, companies that failed included."""
