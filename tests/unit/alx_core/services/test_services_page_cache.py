"""The page cache: one builder a page, never an expired or a wrong one, bounded, and the same over Redis."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from sqlalchemy import Engine, select, update
from structlog.testing import capture_logs

from alx_core.services import page_cache
from alx_core.services.page_cache import END, Page, PageCache, SharedPages, compress, shared_key
from alx_core.store.page_cache import CachedPage, DatabasePages, PageEnd
from alx_core.store.page_cache_redis import RedisPages
from alx_core.store.tables import response_cache
from support.databases import require_redis
from support.reads import FakeClock
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine

pytestmark = pytest.mark.slow

KINDS = [*KINDS_OF_DATABASE, "redis"]
Connect = Callable[[], SharedPages]


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now=time.time())


@pytest.fixture(params=KINDS)
def connect(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, clock: FakeClock
) -> Iterator[Connect]:
    """A function that opens the shared cache once more, as another process would."""
    with ExitStack() as opened:
        if request.param == "redis":
            client, prefix = require_redis(), f"alx:test:{uuid4().hex}:"
            opened.callback(lambda: [client.delete(key) for key in client.scan_iter(f"{prefix}*")])
            yield lambda: RedisPages(client, prefix=prefix, clock=clock)
            return
        made = opened.enter_context(migrated_engine(request.param, tmp_path_factory.mktemp("cache")))

        def another() -> SharedPages:
            connection = opened.enter_context(made.connect().execution_options(isolation_level="AUTOCOMMIT"))
            return DatabasePages(connection, 1, max_bytes=1 << 20, clock=clock)

        yield another


@dataclass(slots=True)
class Builder:
    """Builds the same page each time, slowly, and counts."""

    text: bytes = b"[1]"
    seconds: float = 0.0
    builds: list[int] = field(default_factory=list)

    def __call__(self) -> tuple[bytes, int, tuple[int, int] | None]:
        self.builds.append(1)
        time.sleep(self.seconds)
        return self.text, 1, (7, 9)


def everything(page: Page) -> tuple[object, ...]:
    """All that a page says."""
    return page.plain, page.gzipped, page.rows, page.last_key


def make_cache(clock: Callable[[], float], max_bytes: float = 1 << 20) -> PageCache:
    return PageCache(max_bytes=max_bytes, clock=clock)


def test_a_page_is_built_once_and_then_found_in_every_process(connect: Connect, clock: FakeClock) -> None:
    build, first, second = Builder(), make_cache(clock), make_cache(clock)
    built, was_there = first.get_or_build(connect(), ("k",), build, ttl_s=60)
    assert (built.plain, built.rows, built.last_key, was_there) == (b"[1]", 1, (7, 9), False)
    for cache in (first, second, second):
        page, was_there = cache.get_or_build(connect(), ("k",), build, ttl_s=60)
        assert (everything(page), was_there) == (everything(built), True)
    assert len(build.builds) == 1


def test_another_key_is_another_page(connect: Connect, clock: FakeClock) -> None:
    cache, shared = make_cache(clock), connect()
    cache.get_or_build(shared, ("k",), Builder(), ttl_s=60)
    page, was_there = cache.get_or_build(shared, ("other",), Builder(b"[2]"), ttl_s=60)
    assert (page.plain, was_there) == (b"[2]", False)


def test_requests_at_once_in_several_processes_build_one_page(connect: Connect, clock: FakeClock) -> None:
    build, caches = Builder(seconds=0.2), [make_cache(clock) for _ in range(4)]
    shares, gate = [connect() for _ in range(12)], threading.Barrier(12)

    def ask(number: int) -> bytes:
        gate.wait()
        return caches[number % 4].get_or_build(shares[number], ("k",), build, ttl_s=60)[0].plain

    with ThreadPoolExecutor(12) as executor:
        assert set(executor.map(ask, range(12))) == {b"[1]"}
    assert len(build.builds) == 1


def test_a_page_lives_as_long_as_it_was_built_for_wherever_it_is_kept(connect: Connect, clock: FakeClock) -> None:
    build, first, second = Builder(), make_cache(clock), make_cache(clock)
    first.get_or_build(connect(), ("k",), build, ttl_s=60)
    clock.now += 59
    assert second.get_or_build(connect(), ("k",), build, ttl_s=60)[1]
    clock.now += 1
    assert second.get("k") is None
    assert connect().get("k") is None
    assert not second.get_or_build(connect(), ("k",), build, ttl_s=60)[1]
    assert len(build.builds) == 2


def test_a_build_that_fails_leaves_the_way_free(connect: Connect, clock: FakeClock) -> None:
    def fail() -> tuple[bytes, int, None]:
        raise ZeroDivisionError

    cache = make_cache(clock)
    with pytest.raises(ZeroDivisionError):
        cache.get_or_build(connect(), ("k",), fail, ttl_s=60)
    assert connect().claim("k", claim_s=20)


def pass_time(clock: FakeClock, seconds: float) -> None:
    """Let time pass for the database, which is told it, and for Redis, which has its own."""
    time.sleep(seconds)
    clock.now += seconds


def test_a_claim_is_given_to_one_and_freed_when_its_builder_dies(connect: Connect, clock: FakeClock) -> None:
    assert connect().claim("k", claim_s=0.2)
    assert not connect().claim("k", claim_s=0.2)
    pass_time(clock, 0.25)
    assert connect().claim("k", claim_s=20)


def test_a_page_that_is_there_is_not_claimed(connect: Connect, clock: FakeClock) -> None:
    """Another may deliver it between the look for it and the claim."""
    shared, page = connect(), CachedPage(b"zip", 3, None, clock.now + 0.2)
    shared.put("k", page)
    assert connect().claim("k", claim_s=20) is None
    assert shared.get("k") == page
    pass_time(clock, 0.25)
    assert connect().claim("k", claim_s=20)


def test_a_claim_that_is_renewed_lasts(connect: Connect, clock: FakeClock) -> None:
    claim = connect().claim("k", claim_s=0.4)
    for _ in range(3):
        pass_time(clock, 0.25)
        claim.renew()
    assert not connect().claim("k", claim_s=20)


def test_a_claim_that_ended_has_no_say_in_the_next_one(connect: Connect, clock: FakeClock) -> None:
    late = connect().claim("k", claim_s=0.1)
    pass_time(clock, 0.15)
    assert connect().claim("k", claim_s=0.4)
    late.give_back()
    late.renew()
    assert not connect().claim("k", claim_s=20)
    pass_time(clock, 0.45)
    assert connect().claim("k", claim_s=20)


def test_a_build_that_takes_long_is_waited_for_while_its_builder_lives(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_cache, "CLAIM_S", 0.5)
    monkeypatch.setattr(page_cache, "RENEW_S", 0.1)
    build, caches = Builder(seconds=1.5), [make_cache(time.time) for _ in range(2)]
    shares = [connect(), connect()]
    for shared in shares:
        if isinstance(shared, DatabasePages):
            shared._clock = time.time

    with ThreadPoolExecutor(2) as executor:
        pages = executor.map(lambda n: caches[n].get_or_build(shares[n], ("k",), build, ttl_s=60)[0].plain, range(2))
        assert set(pages) == {b"[1]"}
    assert len(build.builds) == 1


def test_whoever_waits_for_a_dead_builder_builds_in_the_end(
    connect: Connect, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_cache, "PATIENCE_S", 0.1)
    assert connect().claim(shared_key(("k",)), claim_s=3600)
    page, was_there = make_cache(clock).get_or_build(connect(), ("k",), Builder(), ttl_s=60)
    assert (page.plain, was_there) == (b"[1]", False)


def test_a_claim_given_back_late_leaves_the_page_that_somebody_delivered(connect: Connect, clock: FakeClock) -> None:
    shared, page = connect(), CachedPage(b"zip", 3, None, clock.now + 60)
    claim = shared.claim("k", claim_s=20)
    shared.put("k", page)
    claim.give_back()
    assert shared.get("k") == page


DAMAGES = {
    "nothing": b"",
    "no gzip": b"[1]",
    "cut short": compress(b"[1]" * 100)[:-9],
    "wrong sum": compress(b"[1]")[:-8] + b"\0" * 8,
    "bad block": compress(b"[1]" * 100)[:12] + b"\xff" * 30,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_page_is_built_anew_and_told_of(connect: Connect, clock: FakeClock, damage: bytes) -> None:
    shared, build = connect(), Builder()
    shared.put(shared_key(("k",)), CachedPage(damage, 3, (7, 9), clock.now + 60))
    with capture_logs() as logs:
        page, was_there = make_cache(clock).get_or_build(shared, ("k",), build, ttl_s=60)
    assert (page.plain, page.rows, was_there) == (b"[1]", 1, False)
    assert [(line["event"], line["log_level"]) for line in logs] == [("cached_page_damaged", "warning")]
    assert make_cache(clock).get_or_build(connect(), ("k",), build, ttl_s=60)[1], "the damaged one was replaced"


@pytest.mark.parametrize("head", ["", "{", "7", "[1]", '["a", 2]', "[1, 2, 3]"])
def test_a_page_whose_key_is_damaged_is_built_anew(connect: Connect, clock: FakeClock, head: str) -> None:
    shared, cache, name = connect(), make_cache(clock), shared_key(("k",))
    shared.put(name, CachedPage(compress(b"[2]"), 3, (7, 9), clock.now + 60))
    if isinstance(shared, DatabasePages):
        statement = update(response_cache).where(response_cache.c.cache_key == name).values(next_key=head)
        shared._connection.execute(statement)
    else:
        shared._client.set(shared._prefix + name, head.encode() + b"\n" + compress(b"[2]"))
    assert cache.get_end(shared, ("k",)) is None
    assert cache.get_or_build(shared, ("k",), Builder(), ttl_s=60)[0].plain == b"[1]"
    assert cache.get_end(connect(), ("k",)) == PageEnd(1, (7, 9))


@pytest.mark.parametrize("key", [None, (2**62, 5), END])
def test_how_a_page_ends_is_told_without_the_page(
    connect: Connect, clock: FakeClock, key: tuple[int, int] | None
) -> None:
    shared, cache, name = connect(), make_cache(clock), shared_key(("k",))
    assert cache.get_end(shared, ("k",)) is None
    assert shared.claim(name, claim_s=20)
    assert cache.get_end(shared, ("k",)) is None
    shared.put(name, CachedPage(b"\n" * 500, 3, key, clock.now + 60))
    assert cache.get_end(shared, ("k",)) == PageEnd(3, key)
    assert shared.get(name) == CachedPage(b"\n" * 500, 3, key, clock.now + 60)


def test_pages_that_are_equal_are_equal_bytes() -> None:
    assert compress(b"x" * 1000) == compress(b"x" * 1000)


def test_the_process_keeps_the_pages_used_last_within_its_bound(connect: Connect, clock: FakeClock) -> None:
    text, large = random.Random(0).randbytes(1000), random.Random(1).randbytes(10_000)
    size = (len(compress(text)) + page_cache.ENTRY_BYTES) / (1 - page_cache.PLAIN_SHARE)
    shared, cache = connect(), make_cache(clock, max_bytes=2 * size + 1)
    for key in ("a", "b"):
        cache.get_or_build(shared, (key,), Builder(text), ttl_s=60)
    assert cache.get(("a",)) is not None
    cache.get_or_build(shared, ("c",), Builder(text), ttl_s=60)
    assert [cache.get((key,)) is not None for key in "abc"] == [True, False, True]
    cache.get_or_build(shared, ("large",), Builder(large), ttl_s=60)
    assert cache.get(("large",)) is None
    assert cache.get_or_build(shared, ("large",), Builder(), ttl_s=60)[0].plain == large


def test_empty_pages_take_their_place_in_the_process_too(connect: Connect, clock: FakeClock) -> None:
    shared, cache = connect(), make_cache(clock, max_bytes=20_000)
    for offset in range(30):
        cache.get_or_build(shared, ("page", offset), Builder(b"[]"), ttl_s=60)
    kept = [offset for offset in range(30) if cache.get(("page", offset)) is not None]
    assert kept == list(range(30 - len(kept), 30))
    assert 0 < len(kept) < 20_000 / 1_000, "each takes 1,000 bytes or more"


@pytest.mark.parametrize("plain_pages", [0, 1, 2])
def test_a_page_that_is_kept_compressed_alone_is_the_same_page(
    connect: Connect, clock: FakeClock, plain_pages: int
) -> None:
    texts = [letter * 1000 for letter in (b"x", b"y", b"z")]
    entry = 1000 + page_cache.ENTRY_BYTES
    cache = make_cache(clock, max_bytes=(plain_pages + 0.7) * entry / page_cache.PLAIN_SHARE)
    for text in texts:
        cache.get_or_build(connect(), (text[:1].decode(),), Builder(text), ttl_s=60)
    for text in [*texts, *reversed(texts)]:
        page = cache.get((text[:1].decode(),))
        assert (page.plain, page.gzipped) == (text, compress(text))
    assert len(cache._plain._values) == plain_pages


def test_the_shared_cache_drops_what_expired_and_what_was_used_longest_ago(engine: Engine, clock: FakeClock) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        shared = DatabasePages(connection, 1, max_bytes=1_400, clock=clock)
        shared.put("expired", CachedPage(b"x" * 10, 1, None, clock.now + 1))
        for key in ("a", "b", "c"):
            clock.now += 1
            shared.put(key, CachedPage(b"x" * 200, 1, None, clock.now + 3600))
        clock.now += 120
        assert shared.get("a") is not None
        shared.claim("claimed", claim_s=20)
        shared.make_room()
        assert set(connection.execute(select(response_cache.c.cache_key)).scalars()) == {"a", "c", "claimed"}
