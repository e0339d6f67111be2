"""docs/ancestors.md: each line leads to what is there, or says why nothing is."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "ancestors.md"
REASONS = ("Not here: ", "In words: ")
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
CLI = (REPOSITORY / "ngw2f" / "commands" / "cli.py").read_text(encoding="utf-8")


class Line(NamedTuple):
    there: str
    here: str
    command: str
    test: str

    @property
    def links(self) -> list[Path]:
        return [(PAGE.parent / link).resolve() for link in re.findall(r"\]\(([^)]+)\)", self.here)]

    @property
    def folders(self) -> set[Path]:
        return {link if link.is_dir() else link.parent for link in self.links}

    @property
    def commands(self) -> list[str]:
        return re.findall(r"`([^`]+)`", self.command)

    @property
    def tests(self) -> list[str]:
        return re.findall(r"`([^`]+)`", self.test)


LINES = [
    Line(*(cell.strip() for cell in line.strip("|").split("|")))
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| there"))
]

# As the speaker's notes number them; 7.5 and 7.7 are not there.
SECTIONS = """
    1 1.1 2 3 3.1 3.2 4 4.1 4.2 4.3 4.4 4.5 5 5.1 5.2 5.3 5.4 5.5 5.6 6 6.1 6.2 6.3 6.4 6.5
    7 7.1 7.2 7.3 7.4 7.6 7.8 8 9
"""
# As Flack's tags.
VERSIONS = [f"v0.{number}" for number in range(1, 16)]


def test_no_section_and_no_version_is_left_out() -> None:
    assert {*SECTIONS.split(), *VERSIONS} - {line.there.split()[0] for line in LINES} == set()


def test_each_line_has_a_command_and_a_test_or_a_reason() -> None:
    assert [
        line.there
        for line in LINES
        if not (line.commands and line.tests) and not line.here.startswith(REASONS)
    ] == []


def test_links_lead_to_what_is_there() -> None:
    assert [link for line in LINES for link in line.links if not link.exists()] == []


def test_named_tests_are_there() -> None:
    assert [name for line in LINES for name in line.tests if not is_test(name)] == []


def is_test(name: str) -> bool:
    path, _, function = name.partition("::")
    function, _, example = function.partition("[")
    file = REPOSITORY / "tests" / path
    if not function:
        return file.is_file()
    return function in functions_of(file) and (not example or is_example(example.rstrip("]")))


def is_example(name: str) -> bool:
    """Say whether tests/examples/test_walk.py is given it: a file, or the folder of a README."""
    path = REPOSITORY / "examples" / name
    return path.is_file() if path.suffix else (path / "README.md").is_file()


@cache
def functions_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_files_of_commands_are_in_a_folder_of_their_line() -> None:
    assert [
        (line.there, name)
        for line in LINES
        for command in line.commands
        for name in files_of(command)
        if not any((folder / name).exists() for folder in line.folders)
    ] == []


def files_of(command: str) -> list[str]:
    """Give what a command reads in the folder in which it is typed."""
    modules = [f"{name}.py" for name in re.findall(r"(\w+):\w+", command)]
    return modules + re.findall(r"\w+\.(?:telnet|conf)\b|(?<=python )\w+\.py\b", command)


def test_commands_of_the_project_are_there() -> None:
    commands = [command for line in LINES for command in line.commands]
    assert [command for command in commands if not is_command(command)] == []


def is_command(command: str) -> bool:
    match command.split():
        case "make", target:
            return re.search(rf"(?m)^{target}:", MAKEFILE) is not None
        case "ngw2f", name, *_ if not name.startswith("-"):
            return f'"{name}"' in CLI
        case "python", "-m", module, *_ if module.startswith("examples."):
            path = REPOSITORY / module.replace(".", "/")
            return path.is_dir() or path.with_suffix(".py").is_file()
    return True
