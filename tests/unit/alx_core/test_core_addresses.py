"""Addresses in the settings: of Redis, of what links lead to, and where a server listens."""

import pytest

from alx_core.settings import split_bind
from support.load_settings import Load, refusal

PASSWORD = "s3cr3t!"


@pytest.mark.parametrize(
    "url", [PASSWORD, f"http://u:{PASSWORD}@h", f"redis://u:{PASSWORD}@h:x/0", "redis://", "unix:"]
)
def test_what_is_no_redis_is_refused_before_the_api_fails_at_it(load: Load, url: str) -> None:
    message = refusal(load, "ALX_REDIS_URL", url)
    assert "ALX_REDIS_URL: not a URL with a host; it begins with one of redis, rediss, unix" in message
    assert PASSWORD not in message


@pytest.mark.parametrize("url", ["redis://h", "rediss://u:p@h:6380/1", "redis://:p@h/0?protocol=3", "unix:///r.sock"])
def test_a_redis_is_taken_as_it_is_written(load: Load, url: str) -> None:
    redis_url = load(ALX_REDIS_URL=url).redis_url
    assert redis_url is not None
    assert redis_url.get_secret_value() == url


def test_an_empty_redis_is_none(load: Load) -> None:
    assert load(ALX_REDIS_URL="").redis_url is None


@pytest.mark.parametrize("name", ["ALX_PUBLIC_URL", "ALX_DAGSTER_URL"])
@pytest.mark.parametrize("value", ["alx.example.com", "alx.example.com:8000", "not a url", "https://", "http://h:x"])
def test_what_no_browser_opens_is_refused_before_an_alert_links_to_it(load: Load, name: str, value: str) -> None:
    assert f"{name}: no address that a browser opens, for example https://" in refusal(load, name, value)


@pytest.mark.parametrize("value", ["https://alx.example.com/reports/", "http://10.0.0.5:8000", "http://[::1]:3000"])
def test_links_lead_to_the_address_that_was_set(load: Load, value: str) -> None:
    settings = load(ALX_PUBLIC_URL=value, ALX_DAGSTER_URL=value)
    assert settings.public_link == settings.dagster_link == value.rstrip("/")


def test_an_empty_address_is_that_of_the_port(load: Load) -> None:
    assert load(ALX_PUBLIC_URL="", ALX_API_BIND="127.0.0.1:8001").public_link == "http://127.0.0.1:8001"


@pytest.mark.parametrize(
    ("bind", "parts"),
    [
        ("127.0.0.1:3000", ("127.0.0.1", 3000)),
        ("localhost:0", ("localhost", 0)),
        ("db.example.com:80", ("db.example.com", 80)),
        ("[::1]:3000", ("::1", 3000)),
    ],
)
def test_an_address_is_split_into_host_and_port(bind: str, parts: tuple[str, int]) -> None:
    assert split_bind(bind) == parts


@pytest.mark.parametrize(
    "bind", ["", "localhost", ":3000", "localhost:", "localhost:http", "localhost:65536", "::1", "[::1"]
)
def test_an_address_without_host_or_port_is_refused(bind: str) -> None:
    with pytest.raises(ValueError, match=r"host:port.*127\.0\.0\.1:3000"):
        split_bind(bind)
