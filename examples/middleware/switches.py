"""Remember which layers are off, in a folder: each process that looks sees the same.

A layer that is off has an empty file there, named after it. Making or removing one file is a
single step, so two that switch at once do not undo each other.
"""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, unquote

SUFFIX = ".off"


class Switches:
    """A switch for each layer, on unless somebody has switched it off."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def off(self) -> frozenset[str]:
        """Return the names of the layers that are off now."""
        paths = self.folder.glob(f"*{SUFFIX}")
        return frozenset(unquote(path.name.removesuffix(SUFFIX)) for path in paths)

    def turn(self, *, on: Iterable[str] = (), off: Iterable[str] = ()) -> None:
        """Switch layers on, and others off; one that is so already stays so."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in on:
            self.file_of(name).unlink(missing_ok=True)
        for name in off:
            self.file_of(name).touch()

    def file_of(self, name: str) -> Path:
        # No name leads out of the folder, or hides in it: a slash is quoted, dots get a suffix.
        return self.folder / f"{quote(name, safe=' ')}{SUFFIX}"


def check_known(wanted: Iterable[str], names: Iterable[str]) -> None:
    """Raise `ValueError` if one of the wanted is not among the names."""
    names = list(names)
    for name in wanted:
        if name not in names:
            raise ValueError(f"no layer is named {name!r}; there are: {', '.join(names)}")
