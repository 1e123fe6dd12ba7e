"""Addresses of Dagit's pages. Actions are Dagit's: the status page only leads there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

HOUR_S = 3600
LOCATION = "alx_pipeline"
TABLE = "reporting_table"
SCHEDULE = "hourly_sync_schedule"


@dataclass(frozen=True, slots=True)
class Dagit:
    """Dagit at `base`, an address without a slash at the end."""

    base: str

    def run(self, run_id: str) -> str:
        """A run's page."""
        return f"{self.base}/runs/{quote(run_id, safe='')}"

    def hour(self, end: int) -> str:
        """The partition of the hour that ended at `end`, epoch seconds."""
        key = datetime.fromtimestamp(end - HOUR_S, UTC).strftime("%Y-%m-%d-%H:%M")
        return f"{self.base}/assets/{TABLE}?{urlencode({'view': 'partitions', 'partition': key})}"

    def table(self) -> str:
        """The reporting table, where hours are run and backfilled."""
        return f"{self.base}/assets/{TABLE}?view=partitions"

    def schedule(self) -> str:
        """The hourly schedule."""
        return f"{self.base}/locations/{LOCATION}/schedules/{SCHEDULE}"

    def sensors(self) -> str:
        """The sensors that see alerts."""
        return f"{self.base}/automation"
