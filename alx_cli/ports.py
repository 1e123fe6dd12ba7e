"""The TCP ports that this installation serves on: free or taken, and how a browser gets there."""

import socket
from collections.abc import Callable

from alx_core.errors import SettingsError
from alx_core.settings import split_bind

EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # looked up, not bound


def answers_on_port(bind: str) -> Callable[[], bool]:
    """Return a function that tells whether somebody listens on `host:port`."""
    host, port = split_bind(bind)

    def is_ready() -> bool:
        try:
            with socket.create_connection((host, port), timeout=1):
                return True
        except OSError:
            return False

    return is_ready


def require_free(bind: str, *, setting: str) -> None:
    """Raise SettingsError when somebody listens on `host:port` already."""
    if answers_on_port(bind)():
        raise SettingsError(f"{bind} is in use: is alx running already? Else set {setting}.")


def address_of(bind: str) -> str:
    """Return the http:// address under which a browser on this machine reaches `host:port`."""
    host, port = split_bind(bind)
    reached = EVERY_ADDRESS.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"
