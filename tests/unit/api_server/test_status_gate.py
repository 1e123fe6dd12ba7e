"""Who may see the page without a password: this machine, asked for by its own name, and nobody behind a proxy."""

import falcon.testing
import pytest

from api_server.status.gate import PROXY_HEADERS, Answer, Gate, is_local
from support.status_server import make_settings

NOBODY = "sqlite:///nowhere.sqlite"


def make_request(host: str = "127.0.0.1:8000", peer: str = "127.0.0.1", **headers: str) -> falcon.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = falcon.testing.create_req(headers={"Host": host, **named}, remote_addr=peer)
    request.env["REMOTE_ADDR"] = peer
    return request


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:8000", "[::1]:8000", "127.8.9.1"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "127.0.0.53", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_local(host: str, peer: str) -> None:
    assert is_local(make_request(host, peer))


@pytest.mark.parametrize("peer", ["10.0.0.1", "192.0.2.1", "2001:db8::1", "::ffff:10.0.0.1", "", "unix:"])
def test_another_address_is_not_local(peer: str) -> None:
    assert not is_local(make_request(peer=peer))


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.1"])
@pytest.mark.parametrize("value", ["127.0.0.1", "", "::1, 127.0.0.1"])
@pytest.mark.parametrize("name", PROXY_HEADERS)
def test_whatever_came_through_a_proxy_is_not_local_whatever_it_says(name: str, value: str, peer: str) -> None:
    assert not is_local(make_request(peer=peer, **{name: value}))


def test_http_1_0_is_a_proxys_that_says_nothing_of_itself() -> None:
    request = make_request()
    assert is_local(request)
    request.env["SERVER_PROTOCOL"] = "HTTP/1.0"
    assert not is_local(request)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil", "8.8.8.8"]
)
def test_a_name_that_somebody_else_led_here_is_not_local(host: str) -> None:
    assert not is_local(make_request(host))


@pytest.mark.parametrize("host", ["localhost:abc", "localhost:", "[::1]:x", "127.0.0.1:8000:1"])
def test_a_host_that_is_none_is_not_local_and_no_failure_of_ours(host: str) -> None:
    assert not is_local(make_request(host))


@pytest.mark.parametrize("password", [None, ""])
def test_without_a_password_strangers_are_refused_and_never_asked(password: str | None) -> None:
    gate = Gate(make_settings(NOBODY, status_password=password), lambda: 0.0)
    assert gate.judge(make_request()) is Answer.WELCOME
    assert gate.judge(make_request(peer="10.0.0.1")) is Answer.REFUSED


def test_with_a_password_this_machine_is_asked_like_everybody() -> None:
    gate = Gate(make_settings(NOBODY, status_password="secret"), lambda: 0.0)
    assert gate.judge(make_request()) is Answer.LOGIN
    assert gate.judge(make_request(peer="10.0.0.1", X_Forwarded_For="1.2.3.4")) is Answer.LOGIN


def test_attempts_are_counted_for_the_client_behind_a_trusted_proxy_alone() -> None:
    gate = Gate(make_settings(NOBODY, status_password="secret", trusted_proxies="10.0.0.1"), lambda: 0.0)
    assert gate.address_of(make_request(peer="10.0.0.1", X_Forwarded_For="198.51.100.7")) == "198.51.100.7"
    assert gate.address_of(make_request(peer="10.0.0.2", X_Forwarded_For="198.51.100.7")) == "10.0.0.2"


def test_all_addresses_of_an_ipv6_site_count_as_one() -> None:
    gate = Gate(make_settings(NOBODY, status_password="secret"), lambda: 0.0)
    sites = {gate.address_of(make_request(peer=f"2001:db8:1:2::{number:x}")) for number in (1, 2, 0xFFFF)}
    assert sites == {"2001:db8:1:2::"}
