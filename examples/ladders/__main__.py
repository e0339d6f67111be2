"""Put the ladders into the tour and into the READMEs of the examples: python -m examples.ladders.

They stand between the line that begins with `<!-- ladder` and the end of the block after it.
"""

import re
import sys
from pathlib import Path

from examples.ladders.asked import ASKED, EXAMPLES
from examples.ladders.made import ladder_of

TOUR = EXAMPLES.parent / "docs" / "tour.md"
BLOCK = re.compile(r"(<!-- ladder: (\w+) -->\n).*?\n```text\n(.*?)```\n", re.DOTALL)
# What differs each time: times, ids, and hashes.
VARYING = [
    (re.compile(r"^ *\d+\.\d\d  ", re.MULTILINE), "   0.00  "),
    (re.compile(r"\b\d+\.\d\d ms"), "0.00 ms"),
    (re.compile(r"\b[0-9a-f]{16,32}(?=…|\b)"), "…"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT"), "a date"),
    (re.compile(r"ETag: \S+"), "ETag: …"),
    (re.compile(r"(Age: |ttl=|stored, for )\d+"), r"\1…"),
]


def steady(text: str) -> str:
    """Return a ladder without what differs each time."""
    for pattern, instead in VARYING:
        text = pattern.sub(instead, text)
    return text


def blocks_in(path: Path) -> dict[str, str]:
    """Return the ladders of a text, by the example."""
    return {folder: block for _, folder, block in BLOCK.findall(path.read_text(encoding="utf-8"))}


def main(folders: list[str]) -> None:
    for folder in folders or list(ASKED):
        text = ladder_of(folder)
        for path in (TOUR, EXAMPLES / folder / "README.md"):
            put(path, folder, text)
        print(folder, flush=True)


def put(path: Path, folder: str, ladder: str) -> None:
    """Put a ladder into a text, unless what does not differ each time is there already."""
    if folder in (found := blocks_in(path)) and steady(found[folder]) != steady(ladder):
        begin = f"<!-- ladder: {folder} -->\n"
        block = f"{begin}X-ray of it, {ASKED[folder].shows}:\n\n```text\n{ladder}```\n"
        text = re.sub(
            rf"{begin}.*?```text\n.*?```\n",
            lambda _: block,
            path.read_text(encoding="utf-8"),
            flags=re.DOTALL,
        )
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
