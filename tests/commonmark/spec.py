"""CommonMark's published examples, and HTML made comparable as the specification's own test does.

They are in the npm package `commonmark-spec`; nothing of it is in this repository.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser
from pathlib import Path

PACKAGE = "commonmark-spec@0.31.2"
FENCE = "`" * 32
BLOCKS = {
    *("blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "script"),
    *("style", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
NPM_SECONDS = 120


@dataclass(frozen=True)
class Example:
    number: int
    section: str
    source: str
    html: str


def find_spec(directory: Path) -> Path | None:
    """Return the text in the folder that COMMONMARK_SPEC_DIR names, else npm's in *directory*."""
    named = os.environ.get("COMMONMARK_SPEC_DIR")
    if named:
        return Path(named) / "spec.txt"
    if not shutil.which("npm"):
        return None
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(directory), PACKAGE]
    done = subprocess.run(command, capture_output=True, timeout=NPM_SECONDS)
    path = directory / "node_modules/commonmark-spec/spec.txt"
    return path if done.returncode == 0 and path.is_file() else None


def read_examples(path: Path) -> list[Example]:
    examples: list[Example] = []
    parts: list[str] | None = None
    section = ""
    for line in path.read_text().splitlines(keepends=True):
        if line == f"{FENCE} example\n":
            parts = [""]
        elif parts is None:
            section = line.lstrip("#").strip() if re.match("#+ ", line) else section
        elif line == f"{FENCE}\n":
            source, html = parts
            examples.append(Example(len(examples) + 1, section, source, html))
            parts = None
        elif line == ".\n":
            parts.append("")
        else:
            parts[-1] += line.replace("\N{RIGHTWARDS ARROW}", "\t")
    return examples


class Normalizer(HTMLParser):
    """Forget white space that nobody sees, the order of attributes, and which are written how."""

    def __init__(self) -> None:
        super().__init__()
        self.output = ""
        self._after, self._tag, self._in_pre = "tag", "", False

    def handle_data(self, data: str) -> None:
        if not self._in_pre:
            data = re.sub(r"\s+", " ", data)
            if self._after != "text" and self._tag in BLOCKS:
                data = data.lstrip() if self._after == "tag" else data.strip()
        if self._after != "text" and self._tag == "br":
            data = data.lstrip()
        self.output += escape(data)
        self._after = "text"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_pre = self._in_pre or tag == "pre"
        self._trim_before(tag)
        # The chat's sanitizer gives each link a `rel`.
        kept = sorted((name, value or "") for name, value in attrs if name != "rel")
        written = "".join(f' {name}="{escape(value)}"' for name, value in kept)
        self.output += f"<{tag}{written}>"
        self._after, self._tag = "tag", tag

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag: str) -> None:
        self._in_pre = self._in_pre and tag != "pre"
        if tag != "pre":
            self._trim_before(tag)
        self.output += f"</{tag}>"
        self._after, self._tag = "end tag", tag

    def _trim_before(self, tag: str) -> None:
        if tag in BLOCKS and not self._in_pre:
            self.output = self.output.rstrip()

    def handle_comment(self, data: str) -> None:
        self.output += f"<!--{data}-->"

    def handle_decl(self, decl: str) -> None:
        self.output += f"<!{decl}>"

    def unknown_decl(self, data: str) -> None:
        self.output += f"<!{data}>"

    def handle_pi(self, data: str) -> None:
        self.output += f"<?{data}>"


def normalized(html: str) -> str:
    normalizer = Normalizer()
    normalizer.feed(html)
    normalizer.close()
    return normalizer.output.strip()
