"""A Redis that is gone, comes back, or is full: no request fails for it, and the log says why."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError
from structlog.testing import capture_logs

from alx_core.services.page_cache import PageCache
from alx_core.store.page_cache import CachedPage
from alx_core.store.page_cache_redis import RedisPages
from support.databases import require_redis

pytestmark = pytest.mark.slow


@pytest.fixture
def dead_redis() -> RedisPages:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return RedisPages(Redis(host="127.0.0.1", port=port, socket_connect_timeout=1, socket_timeout=1))


def test_a_redis_that_is_gone_costs_a_build_and_a_line_in_the_log_but_no_request(dead_redis: RedisPages) -> None:
    cache = PageCache(max_bytes=1 << 20, clock=time.time)
    with capture_logs() as logs:
        for key in ("a", "b"):
            page, was_there = cache.get_or_build(dead_redis, (key,), lambda: (b"[1]", 1, None), ttl_s=60)
            assert (page.plain, was_there) == (b"[1]", False)
    assert [line["event"] for line in logs] == ["redis_unreachable"]
    assert logs[0]["log_level"] == "warning"
    assert "Connection refused" in logs[0]["error"]
    assert dead_redis.get_end("a") is None


def test_a_redis_that_comes_back_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    client, prefix = require_redis(), f"alx:test:{uuid4().hex}:"
    monkeypatch.setattr("alx_core.store.page_cache_redis.RETRY_S", 0.05)
    pages = RedisPages(client, prefix=prefix)
    pool, client.connection_pool = client.connection_pool, Redis(port=1, socket_connect_timeout=1).connection_pool
    assert pages.get("k") is None
    client.connection_pool = pool
    time.sleep(0.06)
    pages.put("k", CachedPage(b"zip", 1, None, time.time() + 5))
    assert pages.get("k") is not None
    client.delete(f"{prefix}k")


class FullRedis(Redis):
    """Has no memory left: it refuses each write, and answers each read."""

    def set(self, *_arguments: object, **_options: object) -> None:
        raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")


def test_a_redis_that_is_full_goes_on_serving_the_pages_that_it_has() -> None:
    client, prefix = require_redis(), f"alx:test:{uuid4().hex}:"
    page = CachedPage(b"zip", 1, None, time.time() + 5)
    RedisPages(client, prefix=prefix).put("k", page)
    full = RedisPages(FullRedis(connection_pool=client.connection_pool), prefix=prefix)
    with capture_logs() as logs:
        full.put("other", page)
    (line,) = logs
    assert (line["event"], line["error"]) == ("redis_refused", "command not allowed when used memory > 'maxmemory'.")
    assert full.get("k") is not None
    client.delete(f"{prefix}k")


NONSENSE = [
    b":abc",
    b"*-2",
    b"$abc",
    b"+OK",
    b":1",
    b"(abc",
    b"-MOVED",
    b"-",
    b"HTTP/1.1 400 Bad Request",
    b"*1\r\n" * 5000,
]


@contextmanager
def answering(nonsense: bytes) -> Iterator[RedisPages]:
    """The cache over a server that answers everything so."""

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while self.request.recv(65536):
                self.request.sendall(nonsense + b"\r\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        client = Redis(port=server.server_address[1], socket_connect_timeout=1, socket_timeout=1)
        yield RedisPages(client)
        client.close()
        server.shutdown()


@pytest.mark.parametrize("nonsense", NONSENSE, ids=[each[:12].decode() for each in NONSENSE])
def test_a_server_that_answers_nonsense_costs_a_build_but_no_request(nonsense: bytes) -> None:
    cache = PageCache(max_bytes=1 << 20, clock=time.time)
    page = CachedPage(b"zip", 1, None, time.time() + 5)
    asks = [
        lambda pages: cache.get_or_build(pages, ("a",), lambda: (b"[1]", 1, None), ttl_s=60)[0].plain == b"[1]",
        lambda pages: pages.put("k", page) is None,
        lambda pages: pages.drop("k") is None,
        lambda pages: (claim := pages.claim("k", claim_s=5)) is None or claim.deliver(page) is None,
    ]
    for ask in asks:
        with answering(nonsense) as pages:  # anew: a silent one would not be asked
            assert ask(pages)
