"""What every user of the machine may read: by the rights of a file, and of the folders on the way to it."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from alx_core.private_files import open_to_others
from support.command import Command


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others get to, which pytest's own are not."""
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.mark.parametrize(
    ("of_folder", "of_file", "is_open"),
    [(0o755, 0o644, True), (0o755, 0o640, False), (0o750, 0o644, False), (0o700, 0o644, False), (0o711, 0o604, True)],
)
def test_a_file_is_open_when_it_and_the_way_to_it_are(
    folder: Path, of_folder: int, of_file: int, is_open: bool
) -> None:
    file = folder / "home" / "alx.sqlite"
    file.parent.mkdir()
    file.touch()
    file.chmod(of_file)
    file.parent.chmod(of_folder)
    assert open_to_others([file, folder / "not-there"]) == [file] * is_open


def test_the_doctor_names_what_every_user_may_read_and_how_to_close_it(folder: Path) -> None:
    home, env = folder / "home", folder / "home" / ".env"
    home.mkdir()
    env.write_text("ALX_TIMEZONE=UTC\n")
    home.chmod(0o755)
    env.chmod(0o644)
    alx = Command(home)
    assert f"chmod o= {home} {env}" in " ".join(alx.run("doctor").stdout.split())
    home.chmod(0o750)
    assert "chmod" not in alx.run("doctor").stdout
