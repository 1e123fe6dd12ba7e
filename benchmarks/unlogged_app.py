"""The API as it is, but for its request log: what overhead.py compares it with."""

from collections.abc import Mapping
from typing import Any

from alx_core.settings import load_settings
from api_server.app import App, create_app
from api_server.database import Database
from api_server.journal import Journal


class NoJournal(Journal):
    """Forgets what it is told."""

    def __init__(self) -> None:
        """Neither a file nor a database."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Forget it."""


def make_app() -> App:
    """Make what `api_server.wsgi` makes, but for the journal."""
    settings = load_settings()
    return create_app(settings, database=Database(settings.database), journal=NoJournal())
