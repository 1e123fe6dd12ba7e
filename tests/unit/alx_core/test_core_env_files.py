"""Files `.env`: which of them count, and what is said of one that can't be read."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alx_core.errors import SettingsError
from support.load_settings import Load

PASSWORD = "s3cr3t!"
NOBODY = 65_534


@contextmanager
def without_rights() -> Iterator[None]:
    """Do what a root that runs the tests may do as a user whom file modes hold for."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_file_in_another_encoding_is_refused(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(f"ALX_STATUS_PASSWORD={PASSWORD}é\n".encode("latin-1"))
    with pytest.raises(SettingsError, match="UTF-8") as caught:
        load()
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("line", [f'ALX_STATUS_PASSWORD="{PASSWORD}', f"export ALX_STATUS_PASSWORD {PASSWORD}"])
@pytest.mark.parametrize("folder", ["", "home"])
def test_a_value_whose_quote_is_not_closed_is_refused(load: Load, tmp_path: Path, line: str, folder: str) -> None:
    """Left out, as the reader would, the status page would be open to this machine's users."""
    file = tmp_path / folder / ".env"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"ALX_TIMEZONE=UTC\n\n{line}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"ALX_STATUS_PASSWORD in .*quote") as caught:
        load(**({"ALX_HOME": str(tmp_path / folder)} if folder else {}))
    assert PASSWORD not in str(caught.value)


def test_what_cannot_be_read_of_others_is_left_to_them(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('OTHER="open\nALX_TIMEZONE=Europe/Berlin\n', encoding="utf-8")
    assert load().timezone == "Europe/Berlin"


def test_a_folder_that_one_may_not_look_into_has_no_file(load: Load, tmp_path: Path) -> None:
    """`sudo -u alx` leaves a person in a folder of their own."""
    (tmp_path / ".env").write_text("ALX_TIMEZONE=Europe/Berlin\n", encoding="utf-8")
    tmp_path.chmod(0)
    try:
        with without_rights():
            assert load().timezone == "UTC"
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("is_home", [False, True])
def test_a_file_that_one_may_not_read_is_named(load: Load, monkeypatch: pytest.MonkeyPatch, *, is_home: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own may be entered by its user alone
        Path(folder).chmod(0o755)
        file = Path(folder, ".env")
        file.write_text(f"ALX_STATUS_PASSWORD={PASSWORD}\n", encoding="utf-8")
        file.chmod(0)
        monkeypatch.chdir("/" if is_home else folder)
        with without_rights(), pytest.raises(SettingsError, match=f"may not read {file}.*owner"):
            load(**({"ALX_HOME": folder} if is_home else {}))
        monkeypatch.chdir("/")
