"""The URLs and digests by which pages include the files under `/static/`."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(__file__).parents[1] / "static"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file's URL, and the digest that a browser checks (Subresource Integrity, section 3.1).

    The URL has a version, so no cache answers with the file of another release, which the browser
    would refuse.
    """

    url: str
    integrity: str


class StaticFiles:
    """The files of a directory; a file is read again when it has changed."""

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
