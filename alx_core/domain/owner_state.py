"""How the owner of a token stands, or what else Moodle says about the token. Only `active` may use it."""

from enum import StrEnum


class OwnerState(StrEnum):
    """What the last import saw in Moodle; a token that was made here is always ACTIVE."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"
    UNCONFIRMED = "unconfirmed"
    NOLOGIN = "nologin"
    REFUSED = "refused"
    """The service does not let the owner call the function: switched off, without it, or for others alone."""
    GONE = "gone"
    """Moodle no longer has the token. The import revoked it, and gives it back when Moodle has it again."""
