"""gunicorn's configuration: what a worker looks up with each request."""

from typing import Any

import pytest
from gunicorn.config import Config

from api_server.gunicorn_conf import have_at_hand


def test_settings_at_hand_are_those_of_gunicorn_and_found_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config()
    config.set("keepalive", 7)
    config.set("bind", "127.0.0.1:8123")
    names = [*config.settings, "address", "is_ssl"]  # the last two are worked out from others
    before = {name: getattr(config, name) for name in names}
    searched: list[str] = []
    find: Any = Config.__getattr__
    monkeypatch.setattr(Config, "__getattr__", lambda self, name: searched.append(name) or find(self, name))
    have_at_hand(config)
    assert {name: getattr(config, name) for name in names} == before
    assert before["keepalive"] == 7
    assert not searched
