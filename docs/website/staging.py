"""The pages of the site, copied to one folder with what they lead to.

In the repository a link may lead to any file or folder. On the site, a folder is its README, and
a file that is not a page can be downloaded.
"""

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from docs.website.reference import pages

ROOT = Path(__file__).parents[2]
PAGES = [
    "*.md", "docs/*.md", "examples/*.md", "examples/*/*.md", "packages/middleware/README.md",
]  # fmt: skip
# Brackets in code are not a link; code in a link's label is part of it.
LINK = re.compile(
    r"`[^`\n]+`|(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?!https?:|mailto:|#|/)([^)\s#]+)(#[^)\s]*)?\)"
)


class DeadLinkError(Exception):
    """A link leads nowhere."""


def page_paths() -> list[Path]:
    """Return the pages, relative to the repository."""
    found = {path for pattern in PAGES for path in ROOT.glob(pattern)}
    return sorted(path.relative_to(ROOT) for path in found)


def stage(directory: Path) -> None:
    """Copy the pages and what they lead to; write the reference."""
    for page in page_paths():
        text, files = for_site(page)
        write(directory / page, text)
        for file in files:
            (directory / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, directory / file)
    for name, text in pages().items():
        write(directory / "docs" / "reference" / f"{name}.md", text)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def for_site(page: Path) -> tuple[str, set[Path]]:
    """Return a page with its links as the site needs them, and the files that these lead to."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if page.name == "CHANGELOG.md":
        text = with_unique_headings(text)
    files: set[Path] = set()

    def changed(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        label, link, anchor = match[1], match[2], match[3] or ""
        target = (ROOT / page.parent / link).resolve()
        if not target.exists():
            raise DeadLinkError(f"{page}: {link}")
        target = target.relative_to(ROOT)
        if (ROOT / target).is_dir():
            if not (ROOT / target / "README.md").exists():
                return label[1:-1]
            target /= "README.md"
        if target not in page_paths():
            files.add(target)
        relative = Path(*[".."] * len(page.parent.parts)) / target
        return f"{label}({relative}{anchor})"

    pieces = (piece if is_code else LINK.sub(changed, piece) for piece, is_code in split_code(text))
    return "".join(pieces), files


def split_code(text: str) -> Iterator[tuple[str, bool]]:
    """Split a page into prose and code, in which brackets are not links."""
    end = 0
    for match in fenced_or_indented(text):
        yield text[end : match.start()], False
        yield match[0], True
        end = match.end()
    yield text[end:], False


def fenced_or_indented(text: str) -> Iterable[re.Match[str]]:
    return re.finditer(r"(?ms)^```.*?^```$|(?:(?<=\n\n)(?:(?: {4}|\t)[^\n]*\n|\n(?= {4}))+)", text)


def with_unique_headings(changelog: str) -> str:
    """Name the version in each heading, since all versions have the same ones."""
    version = ""

    def changed(match: re.Match[str]) -> str:
        nonlocal version
        if match[1] == "##":
            version = match[2].split()[0]
            return match[0]
        return f"{match[0]} ({version})"

    return re.sub(r"(?m)^(##+) (.*)$", changed, changelog)
