"""Requests that go together: one statement for those that wait, its outcome or its error for each of them."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from api_server import together as module
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
    coming = [executor.submit(together.run, key, statement) for _ in range(count)]
    while waiting(together, key) < count:
        assert not any(each.done() for each in coming)
    return coming


def waiting(together: Together[int], key: str) -> int:
    group = together._lines[key].gathering
    return 0 if group is None else group.size


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


def test_as_many_as_went_together_the_last_time_are_waited_for_but_not_for_long(
    executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, first = Together[int](), Gate()
    alone = executor.submit(together.run, "key", first)
    assert first.begun.wait(WAIT_S)
    others = come(executor, together, "key", lambda size: size, count=3)
    first.may_end.set()
    assert [each.result(WAIT_S) for each in (alone, *others)] == [1, 3, 3, 3]
    monkeypatch.setattr(module, "GATHER_S", WAIT_S)
    again = come(executor, together, "key", lambda size: size, count=2)
    assert together.run("key", lambda size: size) == 3
    assert [each.result(WAIT_S) for each in again] == [3, 3]
    monkeypatch.setattr(module, "GATHER_S", 0.01)
    assert [together.run("key", lambda size: size) for _ in range(2)] == [1, 1]


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


def test_however_they_come_each_is_counted_once(executor: ThreadPoolExecutor) -> None:
    together, sizes = Together[int](), []

    def count(size: int) -> int:
        sizes.append(size)
        return size

    keys = [f"key {number % 3}" for number in range(3000)]
    list(executor.map(lambda key: together.run(key, count), keys))
    assert sum(sizes) == len(keys)


def test_of_ever_other_keys_few_are_remembered() -> None:
    together = Together[int]()
    for number in range(3 * module.MOST):
        assert together.run(f"key {number}", lambda size: size) == 1
        assert len(together._lines) <= module.MOST
