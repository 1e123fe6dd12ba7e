"""What `alx doctor` says of services that an installation can do without."""

from pathlib import Path

import pytest

from support.command import Command


@pytest.fixture
def alx(tmp_path: Path) -> Command:
    return Command(tmp_path / "home")


def test_a_redis_that_does_not_answer_is_told(alx: Command) -> None:
    done = alx.run("doctor", "--json", ALX_REDIS_URL="redis://:s3cr3t@127.0.0.1:1/0")
    redis = next(each for each in done.json if each["check"] == "Redis")
    assert done.code == 1
    assert not redis["ok"]
    assert "ALX_REDIS_URL" in redis["detail"]
    assert "s3cr3t" not in redis["detail"]


def test_no_redis_is_none_to_be_told_of(alx: Command) -> None:
    assert "Redis" not in {each["check"] for each in alx.run("doctor", "--json").json}
