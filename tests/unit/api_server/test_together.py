"""Requests that go together: one statement for those that wait, its outcome or its error for each of them."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from api_server.together import Together

WAIT_S = 10


class Gate:
    """A statement that begins, tells so, and waits until it may end."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self, size: int) -> int:
        self.begun.set()
        assert self.may_end.wait(WAIT_S)
        return size


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as running:
        yield running


def come(
    executor: ThreadPoolExecutor, together: Together[int], key: str, statement: Callable[[int], int], *, count: int
) -> list[Future[int]]:
    """Let `count` requests of a key come, and return when all of them have."""
    before = requests_of(together, key)
    coming = [executor.submit(together.run, key, statement) for _ in range(count)]
    while requests_of(together, key) < before + count:
        assert not any(each.done() for each in coming)
    return coming


def requests_of(together: Together[int], key: str) -> int:
    line = together._lines.get(key)
    return 0 if line is None else line.requests


def test_a_request_alone_goes_alone() -> None:
    assert Together[int]().run("key", lambda size: size) == 1


def test_those_that_come_meanwhile_go_together_in_the_next_statement(executor: ThreadPoolExecutor) -> None:
    together, first, calls = Together[int](), Gate(), []

    def count(size: int) -> int:
        calls.append(size)
        return size

    alone = executor.submit(together.run, "key", first)
    assert first.begun.wait(WAIT_S)
    others = come(executor, together, "key", count, count=5)
    assert calls == []
    first.may_end.set()
    assert alone.result(WAIT_S) == 1
    assert [each.result(WAIT_S) for each in others] == [5] * 5
    assert calls == [5]


def test_an_error_is_raised_for_each_and_for_nobody_after_them(executor: ThreadPoolExecutor) -> None:
    together, first = Together[int](), Gate()

    def fail(_size: int) -> int:
        raise ConnectionError("gone")

    alone = executor.submit(together.run, "key", first)
    assert first.begun.wait(WAIT_S)
    others = come(executor, together, "key", fail, count=3)
    first.may_end.set()
    assert alone.result(WAIT_S) == 1
    assert [type(each.exception(WAIT_S)) for each in others] == [ConnectionError] * 3
    assert together.run("key", lambda size: size) == 1


def test_requests_of_another_key_do_not_wait(executor: ThreadPoolExecutor) -> None:
    together, first = Together[int](), Gate()
    alone = executor.submit(together.run, "key", first)
    assert first.begun.wait(WAIT_S)
    assert together.run("other", lambda size: size) == 1
    first.may_end.set()
    assert alone.result(WAIT_S) == 1


def test_however_they_come_each_is_counted_once_and_nothing_is_kept_of_them(executor: ThreadPoolExecutor) -> None:
    together, sizes = Together[int](), []

    def count(size: int) -> int:
        sizes.append(size)
        return size

    keys = [f"key {number % 3}" for number in range(3000)]
    list(executor.map(lambda key: together.run(key, count), keys))
    assert sum(sizes) == len(keys)
    assert together._lines == {}
