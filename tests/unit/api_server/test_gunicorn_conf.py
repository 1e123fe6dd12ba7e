"""gunicorn's configuration: what a worker looks up with each request, and what a client may say of one."""

from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from gunicorn.http.wsgi import create

from api_server import gunicorn_conf
from api_server.gunicorn_conf import have_at_hand

PRETENDS = (
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nSCRIPT_NAME: /health\r\nPATH_INFO: /status\r\n"
    b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
)


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


@pytest.mark.parametrize("peer", ["127.0.0.1", "192.0.2.7"])
def test_no_header_says_where_a_request_goes(peer: str) -> None:
    """gunicorn would believe a client of this machine, which a proxy is, and call two that disagree a bad request."""
    config = Config()
    for name in config.settings.keys() & vars(gunicorn_conf).keys():
        config.set(name, getattr(gunicorn_conf, name))
    request = Request(config, IterUnreader([PRETENDS]), (peer, 50_000))
    _, environ = create(request, None, (peer, 50_000), ("127.0.0.1", 8000), config)
    told = {name: environ[name] for name in ("SCRIPT_NAME", "PATH_INFO", "wsgi.url_scheme", "REMOTE_ADDR")}
    assert told == {"SCRIPT_NAME": "", "PATH_INFO": "/healthz", "wsgi.url_scheme": "http", "REMOTE_ADDR": peer}
    assert environ["HTTP_X_FORWARDED_FOR"] == "192.0.2.1"
