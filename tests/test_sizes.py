"""No file and no function is too long to be read at once."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
PRODUCT = ("app.py", "gunicorn.conf.py", "ngw2f", "middleware", "nginx", "deploy", "examples",
           "benchmarks", "packages/catalogue.py", "packages/release.py",
           "docs/website")  # fmt: skip
MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 45
MAX_MEDIAN_FILE_LINES = 99


def python_files() -> Iterator[Path]:
    for place in PRODUCT:
        path = ROOT / place
        yield from path.rglob("*.py") if path.is_dir() else [path]


def lengths_of_functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            end = node.end_lineno or node.lineno
            yield f"{path.relative_to(ROOT)}:{node.name}", end - node.lineno + 1


def lines_in(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): lines_in(path) for path in python_files()}
    assert {name: n for name, n in lengths.items() if n > MAX_FILE_LINES} == {}


def test_no_function_is_too_long() -> None:
    lengths = dict(each for path in python_files() for each in lengths_of_functions(path))
    assert {name: n for name, n in lengths.items() if n > MAX_FUNCTION_LINES} == {}


def test_half_of_the_files_are_short() -> None:
    for package in ("ngw2f", "middleware"):
        lengths = [lines_in(path) for path in (ROOT / package).rglob("*.py")]
        # Empty __init__.py tell nothing.
        assert median(n for n in lengths if n) <= MAX_MEDIAN_FILE_LINES
