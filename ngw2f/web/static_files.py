"""How pages name the files under `/static/`: by version, and by what has to be in them."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).parents[1] / "static"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file's URL, and its digest as a browser checks it (Subresource Integrity, section 3.1).

    The version in the URL keeps a cache from giving the file of another release, which the
    browser would refuse.
    """

    url: str
    integrity: str


class StaticFiles:
    """The files of a directory, read again when they change."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._directory = directory
        self._read: dict[str, tuple[int, StaticFile]] = {}

    def __call__(self, name: str) -> StaticFile:
        path = self._directory / name
        changed = path.stat().st_mtime_ns
        known = self._read.get(name)
        if known is None or known[0] != changed:
            digest = hashlib.sha384(path.read_bytes()).digest()
            url = f"/static/{name}?v={digest[:6].hex()}"
            known = changed, StaticFile(url, f"sha384-{b64encode(digest).decode()}")
            self._read[name] = known
        return known[1]
