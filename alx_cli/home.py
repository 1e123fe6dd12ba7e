"""`ALX_HOME`: the folder that everything which serves or syncs writes to."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from alx_core.errors import SettingsError
from alx_core.settings import Settings


def require_home(settings: Settings) -> None:
    """Make the folder where it is missing. Raises SettingsError when it can't be made or written."""
    probe = settings.home.absolute() / ".write-test"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingsError(f"{probe.parent} can't be written: {error.strerror}. Set ALX_HOME.") from error


@contextmanager
def hold_home(settings: Settings) -> Iterator[None]:
    """Have the folder for this `alx up` alone; the operating system lets it go with the process.

    A second one would take the first one's code server from it, call its runs orphans, and schedule all of them again.
    Raises SettingsError: another one has it, or it can't be written.
    """
    require_home(settings)
    home = settings.home.absolute()
    with (home / "up.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(f"alx is running already in {home}. Stop it first, or set another ALX_HOME.") from error
        yield
