"""`ALX_HOME`: the folder that everything which serves or syncs writes to."""

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
