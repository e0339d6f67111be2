"""Render CommonMark's examples, and write what differs and why, into `results.json` and a page.

    COMMONMARK_SPEC_DIR=folder-of-spec.txt python -m tests.commonmark.report

Without a folder the package is installed by npm into a temporary one.
"""

import json
import sys
import tempfile
from pathlib import Path

from ngw2f.text.markdown import MarkdownRenderer
from tests.commonmark.reasons import REASONS, Judge
from tests.commonmark.spec import Example, find_spec, normalized, read_examples

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parents[1] / "docs" / "markdown.md"
TABLE = "## What differs from CommonMark\n"

# By the numbers of the examples.
Differences = dict[str, list[str]]


def measure(examples: list[Example]) -> tuple[Differences, list[int]]:
    """Return the reasons of what differs, and the numbers of what differs for none."""
    renderer, judge = MarkdownRenderer(), Judge()
    differences: Differences = {}
    unexplained = []
    for example in examples:
        html = renderer.render(example.source)
        reasons = judge.reasons_for(example, html)
        if reasons:
            differences[str(example.number)] = reasons
        elif normalized(html) != normalized(example.html):
            unexplained.append(example.number)
    return differences, unexplained


def table(total: int, differences: Differences) -> str:
    """Return the last section of the page."""
    text = (
        f"{TABLE}\n{total - len(differences)} of CommonMark 0.31.2's {total} published examples "
        "come out the same, HTML normalised as the\nspecification's own test does. The other "
        f"{len(differences)} differ for these reasons (some for two). Written by\n"
        "`python -m tests.commonmark.report`; a test fails if it is not true.\n\n"
        "| reason | examples |\n|---|---|\n"
    )
    for name, reason in REASONS.items():
        numbers = [number for number, names in differences.items() if name in names]
        text += f"| {reason} | {len(numbers)}: {', '.join(numbers)} |\n"
    return text


def main() -> None:
    """Write results and page."""
    with tempfile.TemporaryDirectory() as directory:
        path = find_spec(Path(directory))
        if path is None:
            sys.exit("report: set COMMONMARK_SPEC_DIR, or install npm")
        examples = read_examples(path)
    differences, unexplained = measure(examples)
    if unexplained:
        sys.exit(f"report: nobody knows why these differ: {unexplained}")
    results = {"total": len(examples), "differs": differences}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    head = PAGE.read_text().partition(TABLE)[0] if PAGE.exists() else ""
    PAGE.write_text(head + table(len(examples), differences))


if __name__ == "__main__":
    main()
