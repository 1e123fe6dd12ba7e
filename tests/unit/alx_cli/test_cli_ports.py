"""Ports: taken or free, and the address that a browser can open."""

import socket

import pytest

from alx_cli.ports import address_of, answers_on_port, require_free
from alx_core.errors import SettingsError


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("[::]:8000", "http://[::1]:8000"),
        ("[2001:db8::5]:80", "http://[2001:db8::5]:80"),
        ("api.example.com:443", "http://api.example.com:443"),
    ],
)
def test_an_address_for_everybody_becomes_one_that_a_browser_can_open(bind: str, address: str) -> None:
    assert address_of(bind) == address


def test_a_port_is_taken_exactly_while_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        bind = f"127.0.0.1:{server.getsockname()[1]}"
        assert answers_on_port(bind)()
        with pytest.raises(SettingsError, match=r"in use.*ALX_API_BIND"):
            require_free(bind, setting="ALX_API_BIND")
    assert not answers_on_port(bind)()
    require_free(bind, setting="ALX_API_BIND")
