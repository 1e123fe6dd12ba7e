"""The one resource of the pipeline: settings, the two databases, and a sync between them.

What a sync computes with is loaded by the first one: a code location that only shows and schedules does without the
half second that polars, pyarrow and the drivers take.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from alx_core import imports
from alx_core.clock import Clock, system_clock
from alx_core.domain.sync import SyncRequest, SyncResult
from alx_core.services.schema import prepare
from alx_core.services.sync.listener import Listener
from alx_core.settings import Settings, load_settings
from alx_core.store.engine import open_engine

if TYPE_CHECKING:
    from alx_pipeline.moodle.source import MoodleSource


class Alx:
    """Opens what a run needs, when it needs it. Settings are read at each use, so a run sees the current ones."""

    def __init__(
        self,
        settings: Callable[[], Settings] = load_settings,
        *,
        clock: Clock = system_clock,
        listener: Listener | None = None,
    ) -> None:
        """Take where settings and time come from, and whom to tell how a sync goes on."""
        self.settings = settings
        self.clock = clock
        self._listener = listener or Listener()

    @contextmanager
    def reporting(self) -> Iterator[Engine]:
        """Yield an engine on the reporting database, its schema current. Raises StoreError."""
        with open_engine(self.settings().database) as engine:
            prepare(engine)
            yield engine

    def moodle(self) -> "MoodleSource":
        """Open Moodle. Raises SettingsError or SourceError."""
        with imports.that_stay():
            from alx_pipeline.moodle.source import open_source  # noqa: PLC0415  # heavy, see above

        settings = self.settings()
        return open_source(settings.moodle, settings.moodle_prefix, workers=settings.sync_workers)

    def sync(self, request: SyncRequest) -> SyncResult:
        """Run one sync. Raises AlxError; companies that failed are in the result."""
        with imports.that_stay():
            from alx_core.services.sync.run import SyncOptions, sync  # noqa: PLC0415  # heavy, see above

        settings = self.settings()
        options = SyncOptions(
            spool=settings.home.absolute() / "spool",
            rows_per_band=settings.sync_rows_per_band,
            workers=settings.sync_workers,
            lock_timeout_s=settings.sync_lock_timeout_s,
            clock=self.clock,
            listener=self._listener,
        )
        with self.reporting() as engine:
            return sync(engine, self.moodle, request, options)
