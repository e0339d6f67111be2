"""The files that docstrings and comments of the two packages name are where they say."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("ngw2f", "middleware")
NAMED = re.compile(r"\b((?:[\w-]+/)*[\w-]+(?:\.conf)?\.(?:py|js|html|conf|md))\b")


def named_in(path: Path) -> Iterator[str]:
    code = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        is_docstring = token.type == tokenize.STRING and token.string.startswith('"""')
        if is_docstring or token.type == tokenize.COMMENT:
            yield from NAMED.findall(token.string)


def is_there(name: str, path: Path) -> bool:
    """Tell whether it is beside *path*, or in a folder above it, up to the repository's."""
    folders = [folder for folder in path.parents if folder.is_relative_to(REPOSITORY)]
    return any((folder / name).is_file() for folder in folders)


def test_files_that_are_named_exist() -> None:
    paths = [path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py")]
    found = [(path, name) for path in paths for name in named_in(path)]
    assert len(found) > 100
    gone = [(str(path), name) for path, name in found if not is_there(name, path)]
    assert gone == []
