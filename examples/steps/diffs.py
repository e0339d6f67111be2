"""Make the diffs that docs/steps.md shows: python -m examples.steps.diffs [FILE].

A comment above each names the compared files, or definitions in them:

    <!-- v02/flack.py:create_user -> v03/flack.py:create_user v03/models.py:add_user -->
"""

import ast
import re
import sys
from difflib import unified_diff
from pathlib import Path

STEPS = Path(__file__).parent
DOCUMENT = STEPS.parents[1] / "docs" / "steps.md"
SHOWN = re.compile(r"<!-- (v\d\d.*) -> (v\d\d.*) -->\n```diff\n(?:.*\n)*?```\n")


def main(path: str = str(DOCUMENT)) -> None:
    document = Path(path)
    document.write_text(made_current(document.read_text(encoding="utf-8")), encoding="utf-8")


def made_current(text: str) -> str:
    """Return a document with its diffs updated from the folders."""
    return SHOWN.sub(lambda shown: block(shown[1], shown[2]), text)


def block(before: str, after: str) -> str:
    lines = difference(before.split(), after.split())
    return "\n".join([f"<!-- {before} -> {after} -->", "```diff", *lines, "```", ""])


def difference(before: list[str], after: list[str]) -> list[str]:
    lines = unified_diff(
        lines_of(before), lines_of(after), names(before), names(after), n=2, lineterm=""
    )
    # Line numbers are useless in a text.
    return ["@@" if line.startswith("@@") else line.rstrip() for line in lines]


def names(parts: list[str]) -> str:
    """Return the files of some parts, each once."""
    return ", ".join(dict.fromkeys(part.partition(":")[0] for part in parts))


def lines_of(parts: list[str]) -> list[str]:
    lines: list[str] = []
    for part in parts:
        file, _, wanted = part.partition(":")
        source = (STEPS / file).read_text(encoding="utf-8")
        if wanted:
            lines += [line for name in wanted.split(",") for line in definition(source, name)]
        else:
            lines += source.splitlines()
    return lines


def definition(source: str, name: str) -> list[str]:
    """Return the lines that define a name, and an empty one; `Class.method` is one too."""
    body = ast.parse(source).body
    for word in name.split("."):
        [node] = [node for node in body if word in defined_by(node)]
        body = getattr(node, "body", [])
    return [*source.splitlines()[node.lineno - 1 : node.end_lineno], ""]


def defined_by(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return [getattr(node, "name", "")]


if __name__ == "__main__":
    main(*sys.argv[1:])
