"""The page's own files: style, script, icon, the chart library. Read once; their address changes with their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
PATH = "/status/static"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent. `version`: the beginning of its SHA-256."""

    body: bytes
    content_type: str
    version: str


def load_assets() -> Mapping[str, Asset]:
    """Read the files by name; what has no known type is not served."""
    return {path.name: _load(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}


def address_of(name: str, assets: Mapping[str, Asset]) -> str:
    """Return the address of a file, which may be kept for ever."""
    return f"{PATH}/{name}?v={assets[name].version}"


def _load(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(body, TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:16])
