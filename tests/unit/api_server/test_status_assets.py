"""The page's files: what was taken from elsewhere is byte for byte what was published."""

import hashlib
from pathlib import Path

import pytest

from api_server.status.assets import FOLDER, load_assets

AXE = Path(__file__).parents[2] / "fixtures" / "axe"


def checksums(folder: Path) -> dict[str, str]:
    lines = (folder / "CHECKSUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines if not line.startswith("#"))}


@pytest.mark.parametrize(("folder", "names"), [
    (FOLDER, {"uPlot.iife.min.js", "uPlot.min.css", "uPlot.LICENSE.txt"}),
    (AXE, {"axe.min.js", "LICENSE"}),
])  # fmt: skip
def test_files_from_elsewhere_have_their_published_checksum(folder: Path, names: set[str]) -> None:
    noted = checksums(folder)
    assert noted.keys() == names
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names} == noted


def test_every_file_of_somebody_else_has_a_checksum_and_our_own_have_none() -> None:
    ours = {"charts.js", "icon.svg", "login.js", "patch.js", "status.css", "status.js", "CHECKSUMS"}
    assert {path.name for path in FOLDER.iterdir()} - checksums(FOLDER).keys() == ours


def test_nothing_comes_from_another_server() -> None:
    own = [path for path in (*FOLDER.glob("*.js"), *FOLDER.glob("*.css")) if not path.name.startswith("uPlot")]
    templates = list((FOLDER.parent / "templates").iterdir())
    assert own
    assert templates
    for path in (*own, *templates):
        text = path.read_text().replace("http://www.w3.org/", "").replace('("http://", "https://")', "")
        assert "http://" not in text, path.name
        assert "https://" not in text, path.name


def test_the_address_of_a_file_changes_with_its_content() -> None:
    assets = load_assets()
    assert len({asset.version for asset in assets.values()}) == len(assets)
