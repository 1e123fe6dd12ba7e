"""Every error this project raises on purpose, as one tree.

    AlxError
    ├── SettingsError            a setting is missing or wrong
    ├── SourceError              Moodle's database
    │   ├── SourceUnreachable    down, wrong host, wrong file (transient)
    │   ├── SourceAccessDenied   wrong user or password, or no right to read a table
    │   ├── SourceSchemaError    a table or column is missing, or the prefix is wrong
    │   └── SourceEmpty          the tables are there and hold nothing
    ├── StoreError               the reporting database
    │   ├── StoreUnreachable     down, wrong host, wrong password (transient)
    │   └── SchemaOutOfDate      migrations are missing, or newer than this version
    ├── SyncError
    │   ├── SyncLocked           another sync holds the writer's lock (transient)
    │   └── CompaniesFailed      some companies could not be written; the others are committed
    └── DeliveryError            a message could not be delivered to its channel
        ├── DeliveryFailed       no answer, or "not now" (transient)
        └── DeliveryRefused      the channel will never take it

A message is written for the person who reads it: what is wrong, then what to do. It never holds a password, a token
or a learner's data. `is_transient` says whether trying again unchanged can help; it is decided here, at the boundary
where the cause is known, and nowhere else.
"""

from collections.abc import Mapping
from typing import ClassVar


class AlxError(Exception):
    """Base of all errors raised on purpose."""

    is_transient: ClassVar[bool] = False


class SettingsError(AlxError):
    """A setting is missing or wrong."""


class SourceError(AlxError):
    """Moodle's database can't be used as it is."""


class SourceUnreachable(SourceError):
    """Moodle's database did not answer."""

    is_transient = True


class SourceAccessDenied(SourceError):
    """Moodle's database refused the user, or a table."""


class SourceSchemaError(SourceError):
    """A table or column that the sync reads is not there."""


class SourceEmpty(SourceError):
    """Moodle's tables are there and hold nothing, so nothing can be said about anybody."""


class StoreError(AlxError):
    """The reporting database can't be used as it is."""


class StoreUnreachable(StoreError):
    """The reporting database did not answer."""

    is_transient = True


class SchemaOutOfDate(StoreError):
    """The reporting database's schema is not the one this version needs."""


class SyncError(AlxError):
    """A sync could not do its work."""


class SyncLocked(SyncError):
    """Another sync is writing the reporting table."""

    is_transient = True


class CompaniesFailed(SyncError):
    """Some companies could not be written.

    The others are committed; the rows of the failed ones are as they were before the run.
    """

    def __init__(self, failed: Mapping[str, str], *, total: int) -> None:
        """Build the message from `failed` (company shortname -> error) of `total` companies."""
        self.failed = dict(failed)
        self.total = total
        names = "; ".join(f"{name}: {error}" for name, error in sorted(self.failed.items()))
        super().__init__(
            f"{len(self.failed)} of {total} companies failed, the others are committed. {names}. "
            "Mend the cause and run the sync again: it picks up where it stopped."
        )


class DeliveryError(AlxError):
    """A message could not be delivered. Its text never holds the channel's address, which is a secret."""


class DeliveryFailed(DeliveryError):
    """The channel did not answer, or said to come back later."""

    is_transient = True

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        """Keep what the channel asked for: seconds to wait before the next try."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeliveryRefused(DeliveryError):
    """The channel refused the message for good."""
