"""The hours: one partition of `reporting_table` per hour, UTC, complete hours only.

UTC because a local zone would skip an hour in spring and repeat one in autumn. `end_offset` stays 0: with 1 a
schedule at 11:05 would run the hour in progress and never come back to the one that ended.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from alx_core.errors import SettingsError

HOUR = timedelta(hours=1)
KEY_FORMAT = "%Y-%m-%d-%H:%M"
START = "2026-01-01-00:00"
"""The oldest hour that can be asked for. Dagster keeps to some 100,000 keys: this lasts until 2037."""

HOURLY = dg.HourlyPartitionsDefinition(start_date=START, timezone="UTC", end_offset=0)

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
PARTITION_TAG = "dagster/partition"


def key_of(hour: datetime) -> str:
    """Return the partition key of the hour that begins at `hour` (aware)."""
    return hour.astimezone(UTC).strftime(KEY_FORMAT)


def hour_of(key: str) -> datetime:
    """Return the beginning of a partition's hour, aware, UTC."""
    return datetime.strptime(key, KEY_FORMAT).replace(tzinfo=UTC)


def newest_complete_hour(now: datetime | None = None) -> datetime:
    """Return the beginning of the newest hour that is over at `now` (aware; default: this moment)."""
    now = now or datetime.now(UTC)
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - HOUR


def require_complete(hour: datetime, *, now: datetime) -> None:
    """Raise SettingsError for an hour that is not over yet, or older than the first partition."""
    if hour > newest_complete_hour(now):
        raise SettingsError(
            f"The hour {hour:%Y-%m-%dT%H:%M} UTC is not over yet. The newest complete one is "
            f"{newest_complete_hour(now):%Y-%m-%dT%H:%M}."
        )
    if hour < hour_of(START):
        raise SettingsError(
            f"Hours before {hour_of(START):%Y-%m-%dT%H:%M} UTC are not kept. Use --rebuild: it covers all of them."
        )


def keys_between(start: datetime, end: datetime) -> list[str]:
    """Return the keys of the hours in [start, end), ascending."""
    hours = int((end - start) / HOUR)
    return [key_of(start + HOUR * index) for index in range(hours)]


def contiguous(keys: Iterable[str]) -> list[Sequence[str]]:
    """Group ascending keys into blocks without a gap."""
    blocks: list[list[str]] = []
    for key in keys:
        if blocks and hour_of(key) - hour_of(blocks[-1][-1]) == HOUR:
            blocks[-1].append(key)
        else:
            blocks.append([key])
    return list(blocks)


def keys_of_tags(tags: dict[str, str]) -> list[str]:
    """Return the partitions that a run's tags ask for: one, a range, or none."""
    if RANGE_START_TAG in tags:
        return keys_between(hour_of(tags[RANGE_START_TAG]), hour_of(tags[RANGE_END_TAG]) + HOUR)
    return [tags[PARTITION_TAG]] if PARTITION_TAG in tags else []
