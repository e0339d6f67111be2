"""What the built site lacks: where its links lead, and the names of the reference."""

import importlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docs.website.reference import public_modules, public_names


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            if name in {"href", "src"} and value:
                self.links.append(value)


def dead_links(site: Path) -> Iterator[str]:
    """Yield each link of the site to a file or a heading of the site that is not there."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link == "#":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                yield f"{path.relative_to(site)}: {link}: no such file"
            elif parts.fragment and target in pages:
                is_there = unquote(parts.fragment) in pages[target].anchors
                yield from (
                    [] if is_there else [f"{path.relative_to(site)}: {link}: no such heading"]
                )


def missing_names(site: Path) -> Iterator[str]:
    """Yield each public name of `middleware/` that no page describes."""
    described = {
        anchor
        for path in (site / "docs" / "reference").glob("*.html")
        for anchor in Page(path.read_text(encoding="utf-8")).anchors
    }
    for name in public_modules():
        for each in public_names(importlib.import_module(name)):
            if f"{name}.{each}" not in described:
                yield f"not in the reference: {name}.{each}"
