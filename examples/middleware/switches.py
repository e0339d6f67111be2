"""Store which layers are off, in a folder that all processes see.

A layer that is off has an empty file there, named after it. Creating or removing a file is
atomic, so concurrent switches do not undo each other.
"""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, unquote

SUFFIX = ".off"


class Switches:
    """A switch for each layer, on by default."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def off(self) -> frozenset[str]:
        """Return the names of the layers that are off now."""
        paths = self.folder.glob(f"*{SUFFIX}")
        return frozenset(unquote(path.name.removesuffix(SUFFIX)) for path in paths)

    def turn(self, *, on: Iterable[str] = (), off: Iterable[str] = ()) -> None:
        """Switch some layers on and others off, if they are not already."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in on:
            self.file_of(name).unlink(missing_ok=True)
        for name in off:
            self.file_of(name).touch()

    def file_of(self, name: str) -> Path:
        # No name may leave the folder or be hidden in it: slashes are quoted, dots get a suffix.
        return self.folder / f"{quote(name, safe=' ')}{SUFFIX}"


def check_known(wanted: Iterable[str], names: Iterable[str]) -> None:
    """Raise `ValueError` if one of the wanted names is unknown."""
    names = list(names)
    for name in wanted:
        if name not in names:
            raise ValueError(f"no layer is named {name!r}; there are: {', '.join(names)}")
